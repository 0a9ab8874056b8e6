"""Foreseen trouble reaches a person as a text that says what is wrong and what to do."""

import json
import socket
from collections.abc import Callable

import pytest

from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Workspace
from tests.integration.fleet_provider.test_faults import text_of, url_with
from tests.integration.fleet_valkey import ValkeyFleet

MakeWorkspace = Callable[..., Workspace]


@pytest.fixture
def with_credentials(workspace_make: MakeWorkspace, zygote: Zygote) -> Callable[..., Workspace]:
    def make(**valkey: object) -> Workspace:
        workspace = workspace_make()
        workspace.handle = zygote.provider_start(workspace.folder, {"valkey": valkey} if valkey else {})
        return workspace

    return make


def test_a_wrong_admin_password_is_named_as_such_and_not_shown(
    with_credentials: Callable[..., Workspace], valkey: ValkeyFleet
) -> None:
    text = text_of(with_credentials(url=url_with(valkey.url, password="not-the-password")).apply(code=1))

    assert "the fleet's Valkey refuses its admin" in text
    assert "Correct user or password in the admin credentials" in text
    assert "not-the-password" not in text


def test_a_server_that_is_down_is_named_with_its_address(
    with_credentials: Callable[..., Workspace], valkey: ValkeyFleet
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        text = text_of(with_credentials(url=url_with(valkey.url, port=port)).apply(code=1))

    assert "the fleet's Valkey does not answer" in text
    assert f":{port}" in text
    assert "Check that the server runs" in text


def test_credentials_without_a_valkey_are_named_as_such(with_credentials: Callable[..., Workspace]) -> None:
    assert "No Valkey for this run" in with_credentials().apply(code=1)


def test_an_admin_that_may_not_make_users_is_told_so(
    with_credentials: Callable[..., Workspace], valkey: ValkeyFleet
) -> None:
    valkey.do("ACL", "SETUSER", "t_half_admin", "on", ">half", "~*", "+@all", "-acl|setuser")
    try:
        url = valkey.url.replace(f"fleet_admin:{valkey.admin_password}", "t_half_admin:half")
        workspace = with_credentials(url=url)
        text = text_of(workspace.apply(code=1))

        assert f'Creating user "{workspace.name}": the admin may not do that' in text
        assert workspace.in_state() == {"keyspace", "stream"}
    finally:
        valkey.do("ACL", "DELUSER", "t_half_admin")


def test_a_full_server_is_told_as_such(workspace: Workspace, valkey: ValkeyFleet) -> None:
    valkey.do("CONFIG", "SET", "maxmemory", "1")
    try:
        assert "the server's memory is full" in text_of(workspace.apply(code=1))
    finally:
        valkey.do("CONFIG", "SET", "maxmemory", "0")
    workspace.apply()


def test_a_key_that_holds_something_else_is_told_as_such_and_kept(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    key = f"{workspace.name}:stream"
    valkey.admin.delete(key)
    valkey.admin.set(key, "a string")

    assert workspace.drift() == {"stream": {"group"}}
    assert f'Updating stream "{key}": the key holds something else' in text_of(workspace.apply(code=1))
    assert valkey.admin.get(key) == "a string"


def test_rules_that_the_server_writes_otherwise_are_refused_with_its_own_words(workspace: Workspace) -> None:
    workspace.values["commands"] = ["+ping", "+get", "+ping"]

    text = text_of(workspace.apply(code=1))

    assert f'The rules of user "{workspace.name}" read otherwise on the server' in text
    assert "the server says +get +ping" in text


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"digest": "hunter2-in-clear"}, "password_sha256 is not a SHA-256 digest"),
        ({"digest": "A" * 64}, "password_sha256 is not a SHA-256 digest"),
        ({"name": "Robert'); DROP"}, "prefix is not a usable prefix"),
        ({"name": "default"}, "prefix is not a usable prefix"),
        ({"name": "slipway"}, "prefix is not a usable prefix"),
        ({"managed_by": "two words"}, "managed_by is not a usable mark"),
        ({"key": "a/b"}, "key is not a usable key"),
        ({"group": "Workers"}, "group is not a usable name"),
        ({"max_length": 0}, "max_length is out of range"),
        ({"max_bytes": 1000}, "max_bytes is out of range"),
        ({"patterns": ["a*b*"]}, "key_patterns are not the user's own"),
        ({"patterns": ["[a]"]}, "key_patterns are not the user's own"),
        ({"channels": ["?"]}, "channel_patterns are not the user's own"),
        ({"commands": []}, "commands are not those of a customer"),
        ({"commands": ["+@all"]}, "commands are not those of a customer"),
        ({"commands": ["+@keyspace"]}, "commands are not those of a customer"),
        ({"commands": ["+eval"]}, "commands are not those of a customer"),
        ({"commands": ["allcommands"]}, "commands are not those of a customer"),
        ({"commands": ["~*"]}, "commands are not those of a customer"),
        ({"commands": ["+select|1"]}, "commands are not those of a customer"),
    ],
)
def test_a_bad_value_is_refused_before_anything_is_made(
    workspace: Workspace, valkey: ValkeyFleet, values: dict[str, object], text: str
) -> None:
    workspace.values |= values

    output = text_of(workspace.apply(code=1))

    assert text in output
    assert "Allowed:" in output or "Give the SHA-256" in output
    assert "hunter2" not in output
    assert workspace.in_state() == set()
    assert valkey.left(workspace.first_name) == []


def test_a_connection_that_is_lost_in_mid_life_is_opened_again(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    own = valkey.admin.client_id()
    assert valkey.do("CLIENT", "KILL", "USER", "fleet_admin", "SKIPME", "YES") >= 1
    assert valkey.admin.client_id() == own

    assert workspace.plan() == {}


def test_the_address_that_users_get_may_differ_from_the_admins(
    with_credentials: Callable[..., Workspace], valkey: ValkeyFleet
) -> None:
    workspace = with_credentials(url=valkey.url, public_host="queues.example.com", public_port=6380)
    workspace.apply()

    resources = json.loads((workspace.folder / "terraform.tfstate").read_text())["resources"]
    (user,) = [item for item in resources if item["type"] == "fleet_valkey_user"]
    attributes = user["instances"][0]["attributes"]
    assert (attributes["host"], attributes["port"]) == ("queues.example.com", 6380)


def test_no_password_is_in_the_runs_folder(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.plan()
    workspace.run("apply", "-no-color", "plan.bin")

    files = [path for path in workspace.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    held = {path.name: path.read_bytes() for path in files}
    assert str(workspace.values["digest"]).encode() in held["terraform.tfstate"], "the search itself must work"
    for secret in (workspace.password, valkey.admin_password):
        assert not [name for name, content in held.items() if secret.encode() in content]
