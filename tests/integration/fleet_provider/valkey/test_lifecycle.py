"""The life of a user with its stream and its keyspace, in both ways to run the provider."""

from collections.abc import Callable

import pytest
import redis
from redis.exceptions import NoPermissionError

from platform_api.core.credentials import password_make, sha256_verifier
from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import APPLY, Workspace
from tests.integration.fleet_valkey import Client, ValkeyFleet

MakeWorkspace = Callable[..., Workspace]
ALL = {"user", "stream", "keyspace"}


@pytest.fixture(params=["launched", "reattached"])
def either(
    request: pytest.FixtureRequest, workspace_make: MakeWorkspace, zygote: Zygote, valkey: ValkeyFleet
) -> Workspace:
    made = workspace_make()
    if request.param == "reattached":
        made.handle = zygote.provider_start(made.folder, valkey.credentials)
    return made


def test_the_user_works_with_the_password_that_terraform_never_saw_and_goes_without_a_trace(
    either: Workspace, valkey: ValkeyFleet
) -> None:
    either.apply()

    key = f"{either.name}:stream"
    with valkey.login(either.name, either.password) as user:
        sent = user.xadd(key, {"order": "7"})
        ((_, entries),) = user.xreadgroup("workers", "one", {key: ">"})
        assert entries == [(sent, {"order": "7"})]
        assert user.xack(key, "workers", sent) == 1
        user.set(f"{either.name}:cache.a", "1")
    assert either.plan() == {}
    assert either.in_state() == ALL

    either.destroy()

    assert valkey.left(either.name) == []


def test_a_new_digest_lets_in_the_new_password_only_and_ends_no_session(
    workspace: Workspace, valkey: ValkeyFleet
) -> None:
    workspace.apply()
    rotated = password_make()
    with valkey.login(workspace.name, workspace.password) as before:
        assert before.ping()
        workspace.values["digest"] = sha256_verifier(rotated)
        assert workspace.plan() == {"user": ["update"]}
        workspace.apply()
        assert before.ping(), "a session that is open stays open"

    with valkey.login(workspace.name, rotated) as user:
        assert user.ping()
    with (
        valkey.login(workspace.name, workspace.password) as refused,
        pytest.raises(redis.AuthenticationError, match="invalid username-password pair"),
    ):
        refused.ping()


def test_limits_rules_and_patterns_change_in_place(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    valkey.admin.xadd(f"{workspace.name}:stream", {"kept": "yes"})
    workspace.values |= {
        "max_length": 7,
        "max_bytes": 2097152,
        "patterns": ["stream", "other"],
        "channels": ["news.*"],
        "commands": ["+@stream", "+ping", "+subscribe", "+publish"],
    }

    assert workspace.plan() == {key: ["update"] for key in ALL}
    workspace.apply()

    assert workspace.plan() == {}
    assert valkey.admin.xlen(f"{workspace.name}:stream") == 1
    entry = {"managed_by": workspace.values["managed_by"], "max_length": 7, "max_bytes": 2097152, "group": "workers"}
    assert valkey.entry("stream", f"{workspace.name}:stream") == entry
    with valkey.login(workspace.name, workspace.password) as user:
        assert user.publish(f"{workspace.name}:news.today", "text") == 0
        with pytest.raises(NoPermissionError):
            user.publish("others:news", "text")
        with pytest.raises(NoPermissionError):
            user.set(f"{workspace.name}:other", "1")


def test_a_new_group_goes_on_where_the_old_one_stopped(
    workspace: Workspace, customer: Client, valkey: ValkeyFleet
) -> None:
    key = f"{workspace.name}:stream"
    sent = [customer.xadd(key, {"number": str(number)}) for number in range(4)]
    customer.xreadgroup("workers", "one", {key: ">"}, count=3)
    customer.xack(key, "workers", sent[0], sent[2])
    workspace.values["group"] = "billing"
    assert workspace.plan() == {"stream": ["update"]}
    workspace.apply()

    ((_, entries),) = customer.xreadgroup("billing", "one", {key: ">"})

    # The second was never acknowledged. The third was, but stands behind it: it comes twice.
    assert [id_ for id_, _ in entries] == sent[1:]
    assert [group["name"] for group in customer.xinfo_groups(key)] == ["billing"]


def test_a_new_group_after_one_that_had_read_all_gets_what_comes_then(workspace: Workspace, customer: Client) -> None:
    key = f"{workspace.name}:stream"
    done = customer.xadd(key, {"number": "1"})
    customer.xreadgroup("workers", "one", {key: ">"})
    customer.xack(key, "workers", done)
    workspace.values["group"] = "billing"
    workspace.apply()
    fresh = customer.xadd(key, {"number": "2"})

    ((_, entries),) = customer.xreadgroup("billing", "one", {key: ">"})

    assert [id_ for id_, _ in entries] == [fresh]


def test_a_new_name_replaces_everything(workspace: Workspace, valkey: ValkeyFleet) -> None:
    workspace.apply()
    before = workspace.name
    workspace.values["name"] = f"{before}_b"
    assert workspace.plan() == {key: ["delete", "create"] for key in ALL}
    workspace.apply()

    assert valkey.left(before) == []
    assert workspace.plan() == {}


def test_all_three_can_be_imported_by_their_ids(workspace: Workspace) -> None:
    workspace.apply()
    workspace.forget_state()
    for kind, id_ in [
        ("user", workspace.name),
        ("stream", f"{workspace.name}:stream/workers"),
        ("keyspace", f"{workspace.name}:"),
    ]:
        workspace.run("import", "-no-color", "-var-file=inputs.tfvars.json", f"fleet_valkey_{kind}.this", id_)

    assert workspace.plan() == {}


@pytest.mark.parametrize(
    ("kind", "id_", "text"),
    [
        ("user", "t_nobody", 'No user "t_nobody"'),
        ("user", "fleet_admin", 'User "fleet_admin" is not a customer\'s'),
        ("user", "default", 'User "default" is not a customer\'s'),
        ("stream", "t_nobody:stream/workers", 'No stream "t_nobody:stream"'),
        ("keyspace", "t_nobody:", 'No keyspace "t_nobody:"'),
        ("keyspace", "*", 'No keyspace "*"'),
    ],
)
def test_what_is_not_there_or_not_a_customers_cannot_be_imported(
    workspace: Workspace, kind: str, id_: str, text: str
) -> None:
    output = workspace.run(
        "import", "-no-color", "-var-file=inputs.tfvars.json", f"fleet_valkey_{kind}.this", id_, code=1
    )

    assert text in output


def test_two_runs_of_one_resource_at_once_end_with_one_of_each(
    workspace_make: MakeWorkspace, zygote: Zygote, valkey: ValkeyFleet
) -> None:
    first = workspace_make()
    second = workspace_make(**first.values)
    for workspace in (first, second):
        workspace.handle = zygote.provider_start(workspace.folder, valkey.credentials)
        workspace.start(*APPLY)

    assert [workspace.processes[0].wait(60) for workspace in (first, second)] == [0, 0]
    assert first.plan() == second.plan() == {}


def test_thousands_of_keys_are_removed_with_their_keyspace_and_nobody_elses(
    workspace: Workspace, valkey: ValkeyFleet
) -> None:
    workspace.apply()
    neighbor = f"{workspace.name}x:kept"
    with valkey.admin.pipeline(transaction=False) as pipe:
        for number in range(5000):
            pipe.set(f"{workspace.name}:cache.{number}", "x")
        pipe.set(b"%s:\xff\x00 not a text" % workspace.name.encode(), "x")
        pipe.set(neighbor, "x")
        pipe.execute()
    try:
        workspace.destroy()

        with redis.Redis.from_url(valkey.url) as plain:
            assert list(plain.scan_iter(f"{workspace.name}*", count=1000)) == [neighbor.encode()]
    finally:
        valkey.admin.delete(neighbor)
