"""What a running stack looks like, from outside."""

import json
import stat
from pathlib import Path

import psycopg
import pytest
import redis

from platform_api.embedded.environment import environment_read, load_into
from platform_api.embedded.ready import http_answers
from platform_api.process.table import process_rows
from tests.integration.embedded.conftest import connect
from tests.stacks import Stack

PARTS = ["control-postgres", "fleet-postgres", "broker", "fleet-valkey", "api", "worker"]


def secrets_of(stack: Stack) -> dict[str, str]:
    texts = {file.name: file.read_text().strip() for file in stack.folder.secrets.iterdir()}
    assert len(texts) > 10
    return {name: text for name, text in texts.items() if not name.endswith((".pgpass", "_url"))}


def test_status_tells_every_part_and_exits_with_zero(whole_stack: Stack) -> None:
    answer = whole_stack.cli("status", "--json")
    status = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert (status["state"], list(status["parts"])) == ("ready", PARTS)
    assert all(part["state"] == "ready" and part["restarts"] == 0 for part in status["parts"].values())
    table = whole_stack.cli("status").stdout
    assert all(f"\n{name} " in table for name in PARTS)
    assert f"API at {status['api_url']}" in table


def test_a_second_start_is_refused_with_process_and_address(whole_stack: Stack) -> None:
    answer = whole_stack.cli("up")
    state = whole_stack.state
    assert answer.returncode == 1
    assert f"its supervisor is process {whole_stack.supervisor.pid} and serves {state.api_url}" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert whole_stack.supervisor.is_alive()


def test_the_environment_file_reaches_every_server_and_holds_no_secret(whole_stack: Stack) -> None:
    entries = environment_read(whole_stack.folder)
    assert {name for name in entries if not name.endswith("_FILE")} == {"SLIPWAY_API_URL"}
    assert http_answers(entries["SLIPWAY_API_URL"], "/health/ready")
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "FLEET_DATABASE_URL"):
        with connect(whole_stack.url(name)) as connection:
            connection.execute("SELECT 1")
    for name in ("REDIS_URL", "FLEET_VALKEY_URL"):
        with redis.Redis.from_url(whole_stack.url(name)) as client:
            assert client.ping()
    text = whole_stack.folder.environment.read_text()
    assert not any(secret in text for secret in secrets_of(whole_stack).values())


def test_a_command_without_settings_finds_the_stack_and_one_with_settings_is_left_alone(
    whole_stack: Stack,
) -> None:
    environ: dict[str, str] = {"REDIS_URL": "redis://mine"}
    load_into(environ, folder=whole_stack.folder)
    assert environ["DATABASE_URL_FILE"] == str(whole_stack.folder.secrets / "database_url")
    assert environ["REDIS_URL"] == "redis://mine"
    assert "REDIS_URL_FILE" not in environ
    given = {"DATABASE_URL": "postgresql://mine"}
    load_into(given, folder=whole_stack.folder)
    assert given == {"DATABASE_URL": "postgresql://mine"}


def test_everything_secret_is_for_the_owner_alone(whole_stack: Stack) -> None:
    root = whole_stack.folder.path
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE(whole_stack.folder.secrets.stat().st_mode) == 0o700
    for folder in (root, whole_stack.folder.secrets, root / "logs"):
        for file in folder.iterdir():
            assert file.is_dir() or stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_no_secret_stands_on_a_command_line_in_a_log_or_in_a_servers_environment(whole_stack: Stack) -> None:
    secrets = [secret.encode() for secret in secrets_of(whole_stack).values()]
    places = list((whole_stack.folder.path / "logs").iterdir())
    places += [Path(f"/proc/{row.pid}/cmdline") for row in process_rows()]
    places += [Path(f"/proc/{identity.pid}/environ") for identity in whole_stack.processes]
    seen = b""
    for place in places:
        try:
            seen += place.read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
    assert b"valkey-server" in seen
    assert b"ready to accept connections" in seen
    assert not any(secret in seen for secret in secrets)


def test_parts_get_an_allow_list_of_the_callers_environment(whole_stack: Stack) -> None:
    log = (whole_stack.folder.path / "logs" / "prepare.log").read_text()
    names = set(log.partition("prepared with")[2].split())
    assert {"PATH", "DATABASE_URL_FILE", "SLIPWAY_STACK", "SLIPWAY_STATE_DIR", "SLIPWAY_API_URL"} <= names
    assert not names & {"DATABASE_URL", "SECRET_KEY", "REDIS_URL"}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "SET ROLE slipway_owner",
    ],
)
def test_the_application_user_may_create_nothing(whole_stack: Stack, statement: str) -> None:
    with connect(whole_stack.url("DATABASE_URL")) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
        limits = connection.execute(
            "SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')"
        ).fetchone()
    assert limits == ("10s", "1min")


def test_the_owner_makes_tables_but_no_roles_or_databases(whole_stack: Stack) -> None:
    with connect(whole_stack.url("DATABASE_OWNER_URL")) as connection:
        connection.execute("CREATE TABLE made (id int)")
        connection.execute("DROP TABLE made")
        for statement in ("CREATE ROLE mine", "CREATE DATABASE mine"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_fleet_administrator_makes_and_hands_out_databases_without_being_a_superuser(
    whole_stack: Stack,
) -> None:
    with connect(whole_stack.url("FLEET_DATABASE_URL")) as connection:
        connection.execute("CREATE ROLE tenant LOGIN PASSWORD 'tenant'")
        connection.execute("CREATE DATABASE tenant OWNER tenant")
        connection.execute("DROP DATABASE tenant")
        connection.execute("DROP ROLE tenant")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE ROLE mighty SUPERUSER")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_read_file('PG_VERSION')")


def test_nobody_else_may_connect_to_what_comes_with_the_fleet_server(whole_stack: Stack) -> None:
    url = whole_stack.url("FLEET_DATABASE_URL")
    with connect(url) as connection:
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
        place = f"host=127.0.0.1 port={connection.info.port} user=stranger password=stranger"
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(f"{place} dbname=postgres")
        connection.execute("DROP ROLE stranger")


def test_a_wrong_password_is_refused(whole_stack: Stack) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(whole_stack.url("DATABASE_URL").replace("slipway_app:", "slipway_app:x"))
