"""Foreseen trouble reaches a person as a text that says what is wrong and what to do."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Fleet, Workspace

MakeWorkspace = Callable[..., Workspace]


def text_of(output: str) -> str:
    """Undo Terraform's wrapping and its margin."""
    assert "Traceback" not in output
    return " ".join(output.replace("│", " ").split())


def url_with(url: str, *, password: str | None = None, port: int | None = None) -> str:
    parts = urlsplit(url)
    place = f"{parts.username}:{password or parts.password}@{parts.hostname}:{port or parts.port}"
    return urlunsplit(parts._replace(netloc=place))


@pytest.fixture
def with_url(workspace_make: MakeWorkspace, zygote: Zygote) -> Callable[[str], Workspace]:
    def make(url: str) -> Workspace:
        workspace = workspace_make()
        workspace.handle = zygote.provider_start(workspace.folder, {"postgres": {"url": url}})
        return workspace

    return make


def test_a_wrong_admin_password_is_named_as_such_and_not_shown(
    with_url: Callable[[str], Workspace], fleet: Fleet
) -> None:
    output = with_url(url_with(fleet.url, password="not-the-password")).apply(code=1)

    text = text_of(output)
    assert "the fleet's PostgreSQL refuses its admin" in text
    assert "Correct the password, user or database in the admin credentials" in text
    assert "not-the-password" not in text


def test_a_server_that_is_down_is_named_with_its_address(with_url: Callable[[str], Workspace], fleet: Fleet) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        text = text_of(with_url(url_with(fleet.url, port=port)).apply(code=1))

    assert "the fleet's PostgreSQL does not answer" in text
    assert f":{port}" in text
    assert "Check that the server runs" in text


def test_credentials_without_a_postgres_are_named_as_such(workspace_make: MakeWorkspace, zygote: Zygote) -> None:
    workspace = workspace_make()
    workspace.handle = zygote.provider_start(workspace.folder, {})

    assert "No PostgreSQL server for this run" in workspace.apply(code=1)


def test_a_role_that_still_owns_objects_stays_and_they_are_listed(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    kept = f"{workspace.name}_kept"
    try:
        fleet.do(f"CREATE DATABASE {kept} OWNER {workspace.name}")

        text = text_of(workspace.destroy(code=1))

        assert f'Deleting role "{workspace.name}": other objects still depend on it' in text
        assert f"owner of database {kept}" in text
        assert "REASSIGN OWNED" in text
        assert workspace.in_state() == {"role"}
    finally:
        fleet.do(f"DROP DATABASE IF EXISTS {kept}")
    workspace.destroy()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"verifier": "hunter2-in-clear"}, "password_verifier is not a SCRAM-SHA-256 verifier"),
        ({"name": "Robert'); DROP"}, "name is not a usable name"),
        ({"name": "postgres"}, "name is not a usable name"),
        ({"managed_by": "two words"}, "managed_by is not a usable mark"),
        ({"connection_limit": -2}, "connection_limit is out of range"),
        ({"timeout_seconds": 0.5}, "statement_timeout_seconds is out of range"),
        ({"privileges": ["SUPERUSER"]}, "privileges are not those of a database"),
        ({"privileges": []}, "privileges are not those of a database"),
    ],
)
def test_a_bad_value_is_refused_before_anything_is_made(
    workspace: Workspace, values: dict[str, object], text: str
) -> None:
    workspace.values |= values

    output = text_of(workspace.apply(code=1))

    assert text in output
    assert "Allowed:" in output or "Give SCRAM-SHA-256" in output
    assert "hunter2" not in output
    assert workspace.in_state() == set()


@pytest.mark.parametrize(
    ("content", "mode", "text"),
    [
        ("{", 0o600, "The fleet's credentials are of no use"),
        ('{"postgres": {"url": "hunter2"}}', 0o600, "The fleet's credentials are of no use"),
        ("{}", 0o640, "The fleet's credentials lie open"),
        (None, 0o600, "The fleet's credentials cannot be read"),
    ],
)
def test_a_launched_provider_judges_its_credentials_file(
    workspace_make: MakeWorkspace, tmp_path: Path, content: str | None, mode: int, text: str
) -> None:
    workspace = workspace_make()
    workspace.credentials_file = tmp_path / "own.json"
    if content is not None:
        workspace.credentials_file.write_text(content)
        workspace.credentials_file.chmod(mode)

    output = text_of(workspace.apply(code=1))

    assert text in output
    assert "hunter2" not in output


def test_a_session_that_is_lost_in_mid_life_is_opened_again(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    sessions = "FROM pg_stat_activity WHERE application_name = 'slipway-fleet' AND usename = current_user"
    assert fleet.value(f"SELECT count(pg_terminate_backend(pid)) {sessions}") >= 1

    assert workspace.plan() == {}


def test_the_address_that_users_get_may_differ_from_the_admins(
    workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet
) -> None:
    workspace = workspace_make()
    credentials = {"postgres": {"url": fleet.url, "public_host": "db.example.com", "public_port": 6432}}
    workspace.handle = zygote.provider_start(workspace.folder, credentials)
    workspace.apply()

    resources = json.loads((workspace.folder / "terraform.tfstate").read_text())["resources"]
    database = next(item for item in resources if item["type"] == "fleet_postgres_database")
    attributes = database["instances"][0]["attributes"]
    assert (attributes["host"], attributes["port"]) == ("db.example.com", 6432)
