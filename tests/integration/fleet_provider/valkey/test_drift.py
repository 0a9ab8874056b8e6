"""What somebody changes by hand is seen by a refresh and repaired by the next apply."""

import pytest
import redis

from tests.integration.fleet import Workspace
from tests.integration.fleet_valkey import ValkeyFleet

DIGEST = "0" * 64
CHANGES: dict[str, tuple[str, set[str]]] = {
    "ACL SETUSER {name} resetpass #" + DIGEST: ("user", {"password_sha256"}),
    "ACL SETUSER {name} #" + DIGEST: ("user", {"password_sha256"}),
    "ACL SETUSER {name} off": ("user", {"login"}),
    "ACL SETUSER {name} ~other:*": ("user", {"key_patterns"}),
    "ACL SETUSER {name} &{name}:news": ("user", {"channel_patterns"}),
    "ACL SETUSER {name} +get|other": ("user", {"commands"}),
    "ACL SETUSER {name} -xadd": ("user", {"commands"}),
    "ACL SETUSER {name} +flushall": ("user", {"commands"}),
    "ACL SETUSER {name} (+get ~other:*)": ("user", {"extra_attributes"}),
    "ACL DELUSER {name}": ("user", {"password_sha256", "key_patterns", "commands", "login"}),
    "HDEL slipway:register user/{name}": ("user", {"managed_by"}),
    "DEL {name}:stream": ("stream", {"group"}),
    "XGROUP DESTROY {name}:stream workers": ("stream", {"group"}),
    "HDEL slipway:register stream/{name}:stream": ("stream", {"managed_by", "max_length", "max_bytes"}),
    "HSET slipway:register stream/{name}:stream nonsense": ("stream", {"managed_by", "max_length", "max_bytes"}),
    "HDEL slipway:register keyspace/{name}:": ("keyspace", {"managed_by", "max_bytes"}),
}


def test_each_change_by_hand_is_seen_alone_and_repaired(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    for text, (kind, attributes) in CHANGES.items():
        command = text.format(name=workspace.name)
        head, parenthesis, tail = command.partition(" (")  # a selector is one word
        valkey.do(*head.split(), *([f"({tail}"] if parenthesis else []))
        assert workspace.drift() == {kind: attributes}, text
        workspace.apply()
        assert workspace.plan() == {}, text
    with valkey.login(workspace.name, workspace.password) as user:
        assert user.ping()


def test_a_foreign_digest_is_seen_and_written_down_nowhere(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    valkey.do("ACL", "SETUSER", workspace.name, "resetpass", f"#{DIGEST}")

    assert workspace.drift() == {"user": {"password_sha256"}}
    workspace.run("apply", "-no-color", "-auto-approve", "-refresh-only", "-var-file=inputs.tfvars.json")
    assert DIGEST not in (workspace.folder / "terraform.tfstate").read_text()


def test_a_password_by_which_anybody_may_log_in_is_seen(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    valkey.do("ACL", "SETUSER", workspace.name, "nopass")

    assert workspace.drift() == {"user": {"password_sha256", "extra_attributes"}}
    workspace.apply()
    with (
        valkey.login(workspace.name, "anything") as nobody,
        pytest.raises(redis.AuthenticationError),
    ):
        nobody.ping()


def test_what_is_wholly_gone_is_seen_as_gone_and_made_anew(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    valkey.sweep(workspace.name)

    assert workspace.drift() == {key: {"gone"} for key in ("user", "stream", "keyspace")}
    workspace.apply()
    assert workspace.plan() == {}


def test_after_the_data_are_lost_everything_is_made_again_around_the_user(
    workspace: Workspace, valkey: ValkeyFleet
) -> None:
    """Users live in a file of their own, so that a flush by hand takes the register and leaves them."""
    workspace.apply()
    valkey.do("FLUSHALL")

    workspace.apply()

    assert workspace.plan() == {}
    with valkey.login(workspace.name, workspace.password) as user:
        assert user.xadd(f"{workspace.name}:stream", {"a": "b"})


def test_a_namesake_of_another_resource_is_seen_as_gone_refused_and_left_alone(
    workspace: Workspace, valkey: ValkeyFleet
) -> None:
    workspace.apply()
    entry = '{"managed_by":"res_other","max_length":9,"max_bytes":1048576}'
    for field in (f"user/{workspace.name}", f"stream/{workspace.name}:stream", f"keyspace/{workspace.name}:"):
        valkey.admin.hset("slipway:register", field, entry)

    assert workspace.drift() == {key: {"gone"} for key in ("user", "stream", "keyspace")}
    assert f'Keyspace "{workspace.name}:" exists and is not ours' in workspace.apply(code=1)
    workspace.run("destroy", "-no-color", "-auto-approve", "-var-file=inputs.tfvars.json")
    assert len(valkey.left(workspace.name)) == 5


def test_deleting_what_is_already_gone_succeeds(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    valkey.sweep(workspace.name)

    workspace.run("destroy", "-no-color", "-auto-approve", "-refresh=false", "-var-file=inputs.tfvars.json")

    assert workspace.in_state() == set()


def test_a_stale_state_does_not_delete_a_namesake(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    entry = '{"managed_by":"res_other","max_length":9,"max_bytes":1048576}'
    for field in (f"user/{workspace.name}", f"stream/{workspace.name}:stream", f"keyspace/{workspace.name}:"):
        valkey.admin.hset("slipway:register", field, entry)

    workspace.run("destroy", "-no-color", "-auto-approve", "-refresh=false", "-var-file=inputs.tfvars.json")

    assert len(valkey.left(workspace.name)) == 5
