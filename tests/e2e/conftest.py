import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_api.embedded.ports import DEFAULT_RANGE, port_pick
from tests.e2e.client import Client
from tests.e2e.live import LEASE_SECONDS, MANAGE, LiveStack

PROJECTS = ("checkout", "vault", "safe", "storm", "spy")


@pytest.fixture(scope="session")
def live_stack() -> Iterator[LiveStack]:
    """The real stack with everything in it, started once; nothing of it is left afterwards."""
    # Not pytest's folder: a unix socket's address, which lies below, holds a hundred bytes only.
    home = Path(tempfile.mkdtemp(prefix="slw-"))
    settings = {
        "SLIPWAY_API_PORT": str(port_pick(DEFAULT_RANGE)),
        "SLIPWAY_LEASE_SECONDS": str(LEASE_SECONDS),
        "SLIPWAY_QUOTA_PROJECT_POINTS": "100",
        "SLIPWAY_QUOTA_PROJECT_COUNT": "100",
        "SLIPWAY_QUOTA_TEAM_POINTS": "100",
        "SLIPWAY_QUOTA_TEAM_COUNT": "100",
    }
    stack = LiveStack(home / "s", program=MANAGE, **settings)
    try:
        stack.up()
        stack.settle(*PROJECTS)
        yield stack
        for client in stack.clients.values():
            client.http.close()
        stack.down()
        assert stack.processes == []
    finally:
        stack.end()
        shutil.rmtree(home)


@pytest.fixture
def checkout(live_stack: LiveStack) -> Client:
    """The developer of project checkout."""
    return live_stack.clients["checkout"]


@pytest.fixture
def vault(live_stack: LiveStack) -> Client:
    """The developer of project vault, whose quota no other test touches at the same time."""
    return live_stack.clients["vault"]


@pytest.fixture
def storm(live_stack: LiveStack) -> Client:
    """The developer of project storm, where things are broken."""
    return live_stack.clients["storm"]


@pytest.fixture
def outsider(live_stack: LiveStack) -> Client:
    """The developer of another team's project."""
    return live_stack.clients["spy"]
