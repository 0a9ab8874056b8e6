"""What a customer's user cannot do: reach others, see others, stop the server, rule it."""

from collections.abc import Callable

import pytest
import redis
from redis.exceptions import NoPermissionError

from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Workspace
from tests.integration.fleet_valkey import Client, ValkeyFleet

ADMIN = [
    ("ACL", "WHOAMI"),
    ("ACL", "SETUSER", "x"),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("RANDOMKEY",),
    ("DBSIZE",),
    ("INFO",),
    ("MONITOR",),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "127.0.0.1:1"),
    ("PUBSUB", "CHANNELS"),
    ("EVAL", "return 1", "0"),
    ("FUNCTION", "LIST"),
    ("FCALL", "any", "0"),
    ("SCRIPT", "FLUSH"),
    ("SHUTDOWN", "NOSAVE"),
    ("SAVE",),
    ("SELECT", "1"),
    ("SWAPDB", "0", "1"),
    ("MODULE", "LIST"),
    ("REPLICAOF", "NO", "ONE"),
    ("SLOWLOG", "GET"),
    ("HGETALL", "slipway:register"),
    ("XADD", "slipway:register", "*", "a", "b"),
]


def test_it_is_refused_on_the_keys_of_a_neighbor(
    workspace_make: Callable[..., Workspace],
    workspace: Workspace,
    customer: Client,
    zygote: Zygote,
    valkey: ValkeyFleet,
) -> None:
    # A neighbor whose name begins with ours, the case that a careless pattern would let through.
    neighbor = workspace_make(name=f"{workspace.name}_b")
    neighbor.handle = zygote.provider_start(neighbor.folder, valkey.credentials)
    neighbor.apply()
    key = f"{neighbor.name}:stream"

    for command in [
        ("XADD", key, "*", "a", "b"),
        ("XREADGROUP", "GROUP", "workers", "one", "STREAMS", key, ">"),
        ("XRANGE", key, "-", "+"),
        ("XLEN", key),
        ("SET", f"{neighbor.name}:cache.a", "1"),
        ("GET", f"{neighbor.name}:cache.a"),
    ]:
        with pytest.raises(NoPermissionError):
            customer.execute_command(*command)
    assert valkey.admin.xlen(key) == 0


def test_it_is_refused_every_command_that_rules_sees_or_stops_the_server(customer: Client) -> None:
    customer.ping()
    for command in ADMIN:
        with pytest.raises(NoPermissionError):
            customer.execute_command(*command)


def test_it_cannot_make_further_keys_beside_those_it_was_given(workspace: Workspace, customer: Client) -> None:
    with pytest.raises(NoPermissionError):
        customer.xadd(f"{workspace.name}:stream2", {"a": "b"})


def test_even_a_function_that_the_admin_made_gives_it_no_more_than_it_has(
    workspace: Workspace, customer: Client, valkey: ValkeyFleet
) -> None:
    """Why limits are kept from outside: a function runs with its caller's rights, not with its maker's."""
    library = f"lib_{workspace.name}"
    code = f"""#!lua name={library}
    server.register_function('{library}', function(keys, args)
      return server.call('XADD', keys[1], 'MAXLEN', '10', '*', unpack(args))
    end)"""
    valkey.do("FUNCTION", "LOAD", code)
    try:
        valkey.do("ACL", "SETUSER", workspace.name, "-xadd", f"+fcall|{library}")
        with pytest.raises(redis.ResponseError, match="no permissions to run the 'xadd' command"):
            customer.execute_command("FCALL", library, 1, f"{workspace.name}:stream", "a", "b")
    finally:
        valkey.do("FUNCTION", "DELETE", library)
