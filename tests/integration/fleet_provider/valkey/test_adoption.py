"""What a lost run of ours left behind is taken over; what is a stranger's is refused and left alone."""

from collections.abc import Callable

import pytest

from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Workspace
from tests.integration.fleet_valkey import Client, ValkeyFleet

MakeWorkspace = Callable[..., Workspace]
DIGEST = "0" * 64


def test_after_a_lost_state_everything_is_adopted_as_it_is(
    workspace: Workspace, customer: Client, valkey: ValkeyFleet
) -> None:
    key = f"{workspace.name}:stream"
    first, second = customer.xadd(key, {"a": "1"}), customer.xadd(key, {"a": "2"})
    customer.xreadgroup("workers", "one", {key: ">"}, count=1)
    workspace.forget_state()

    workspace.apply()

    assert workspace.plan() == {}
    assert [id_ for id_, _ in customer.xrange(key)] == [first, second]
    ((_, entries),) = customer.xreadgroup("workers", "one", {key: ">"})
    assert [id_ for id_, _ in entries] == [second], "the group reads on where it was"


def test_adoption_sets_what_the_lost_run_had_otherwise(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    workspace.forget_state()
    workspace.values |= {"max_length": 8, "commands": ["+ping"]}

    workspace.apply()

    entry = valkey.entry("stream", f"{workspace.name}:stream")
    assert entry is not None
    assert entry["max_length"] == 8
    assert workspace.plan() == {}


def test_a_user_that_the_register_lost_is_known_by_its_password(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    workspace.forget_state()
    valkey.admin.hdel("slipway:register", f"user/{workspace.name}")

    workspace.apply()

    assert workspace.plan() == {}


def test_what_is_another_resources_is_refused_and_unchanged(
    workspace_make: MakeWorkspace, workspace: Workspace, zygote: Zygote, valkey: ValkeyFleet
) -> None:
    workspace.apply()
    other = workspace_make(name=workspace.name, digest=workspace.values["digest"])
    other.handle = zygote.provider_start(other.folder, valkey.credentials)
    for kind, name in (("keyspace", ":"), ("stream", ":stream"), ("user", "")):
        output = " ".join(other.run("apply", "-no-color", "-auto-approve", "-var-file=inputs.tfvars.json",
                                    f"-target=fleet_valkey_{kind}.this", code=1).replace("│", "").split())  # fmt: skip
        if kind == "keyspace":
            assert f'Keyspace "{workspace.name}{name}" exists and is not ours' in output
            assert f"The register names {workspace.values['managed_by']}" in output
            # What comes after it is judged by itself, too.
            valkey.admin.hdel("slipway:register", f"keyspace/{workspace.name}:")
            valkey.admin.hset("slipway:register", f"keyspace/{workspace.name}:", _entry(other))
        elif kind == "stream":
            assert f'Stream "{workspace.name}{name}" exists and is not ours' in output
            valkey.admin.hset("slipway:register", f"stream/{workspace.name}:stream", _entry(other))
        else:
            assert f'User "{workspace.name}{name}" exists and is not ours' in output
    with valkey.login(workspace.name, workspace.password) as user:
        assert user.ping()
    entry = valkey.entry("user", workspace.name)
    assert entry is not None
    assert entry["managed_by"] == workspace.values["managed_by"]


def _entry(workspace: Workspace) -> str:
    return f'{{"managed_by":"{workspace.values["managed_by"]}","max_length":100,"max_bytes":1048576}}'


@pytest.mark.parametrize(
    ("commands", "text"),
    [
        ([("ACL", "SETUSER", "{name}", "on", f"#{DIGEST}", "+ping")], 'User "{name}" exists and is not ours'),
        ([("SET", "{name}:cache.a", "1")], 'Keyspace "{name}:" exists and is not ours'),
    ],
)
def test_what_the_register_does_not_know_is_refused_and_unchanged(
    workspace: Workspace, valkey: ValkeyFleet, commands: list[tuple[str, ...]], text: str
) -> None:
    for command in commands:
        valkey.do(*(word.format(name=workspace.name) for word in command))
    before = valkey.do("ACL", "LIST")

    assert text.format(name=workspace.name) in workspace.apply(code=1)

    assert valkey.do("ACL", "LIST") == before


def test_a_stream_that_the_register_does_not_know_is_refused(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    workspace.forget_state()
    key = f"{workspace.name}:stream"
    valkey.admin.hdel("slipway:register", f"stream/{key}")

    assert f'Stream "{key}" exists and is not ours' in workspace.apply(code=1)

    assert valkey.entry("stream", key) is None


def test_what_was_half_made_when_all_was_killed_is_finished(workspace: Workspace, valkey: ValkeyFleet) -> None:
    """The register's entry comes first, so this is all that a run can leave half done."""
    mark = workspace.values["managed_by"]
    for field in (f"user/{workspace.name}", f"stream/{workspace.name}:stream", f"keyspace/{workspace.name}:"):
        valkey.admin.hset("slipway:register", field, f'{{"managed_by":"{mark}","max_length":100,"max_bytes":1048576}}')

    workspace.apply()

    assert workspace.plan() == {}
