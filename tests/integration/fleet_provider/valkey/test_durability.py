"""What was made outlives the server's sudden death; a server that would forget its users is refused."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from platform_api.embedded.folder import StateFolder
from platform_api.embedded.servers import ServerName, servers_build, servers_start, servers_stop
from platform_api.process.children import Child
from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Workspace
from tests.integration.fleet_provider.test_faults import text_of
from tests.integration.fleet_valkey import ValkeyFleet

NAME = ServerName.FLEET_VALKEY


class OwnServer:
    """A Valkey of the test's own, run as the local stack runs it."""

    def __init__(self, folder: Path) -> None:
        state = StateFolder(folder)
        state.make()
        self.servers = servers_build([NAME], folder=state, stack="t-durable", kept_ports={}, environ=os.environ)
        self.children: dict[str, Child] = {}
        servers_start(self.servers, children=self.children)

    @property
    def fleet(self) -> ValkeyFleet:
        return ValkeyFleet.at(self.servers[0].urls()["FLEET_VALKEY_URL"])

    def kill_and_start(self) -> None:
        """Kill it once all is on disk: with ``appendfsync everysec`` a busy disk may cost the last two seconds."""
        # A connection waits for its own last write, and so for all before it.
        with redis.Redis.from_url(self.fleet.url, single_connection_client=True) as one:
            one.set("mark", "")
            one.delete("mark")
            assert one.waitaof(1, 0, 10_000) == [1, 0]
        child = self.children.pop(NAME)
        child.send(signal.SIGKILL)
        assert child.wait_exit(10)
        child.reap()
        servers_start(self.servers, children=self.children)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnServer]:
    server = OwnServer(tmp_path / "server")
    yield server
    servers_stop(server.servers, server.children)


def test_users_streams_groups_and_register_outlive_a_killed_server(
    workspace_make: Callable[..., Workspace], zygote: Zygote, server: OwnServer
) -> None:
    workspace = workspace_make()
    workspace.handle = zygote.provider_start(workspace.folder, server.fleet.credentials)
    workspace.apply()
    key = f"{workspace.name}:stream"
    with server.fleet.login(workspace.name, workspace.password) as user:
        first = user.xadd(key, {"a": "1"})
        user.xreadgroup("workers", "one", {key: ">"})
        second = user.xadd(key, {"a": "2"})

    server.kill_and_start()

    with server.fleet.login(workspace.name, workspace.password) as user:
        assert [id_ for id_, _ in user.xrange(key)] == [first, second]
        assert user.xpending(key, "workers")["pending"] == 1
    assert workspace.plan() == {}
    workspace.destroy()
    server.kill_and_start()
    assert server.fleet.left(workspace.name) == []


def test_a_server_that_keeps_its_users_in_no_file_is_refused(
    workspace_make: Callable[..., Workspace], zygote: Zygote, server: OwnServer
) -> None:
    fleet = server.fleet
    child = server.children.pop(NAME)
    child.send(signal.SIGTERM)
    assert child.wait_exit(10)
    child.reap()
    data = server.servers[0].folder.path / NAME
    users = (data / "users.acl").read_text()

    real = server.servers[0].command

    def command() -> object:
        started = real()
        configuration = data / "valkey.conf"
        configuration.write_text(configuration.read_text().replace("aclfile users.acl\n", users))
        return started

    server.servers[0].command = command  # type: ignore[method-assign,assignment]  # the stack has no such server
    servers_start(server.servers, children=server.children)
    workspace = workspace_make()
    workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)

    text = text_of(workspace.apply(code=1))

    assert "the server keeps its users in no file, and would forget them at its next start" in text
    assert "Start it with an aclfile" in text
