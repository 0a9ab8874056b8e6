from collections.abc import Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.live import LiveStack, stack_running
from tests.hostile.stage import NEWCOMERS

PROJECTS = ("checkout", "vault", "safe", "storm", "spy", "rolling", *NEWCOMERS)


@pytest.fixture(scope="session")
def live_stack() -> Iterator[LiveStack]:
    """The real stack with everything in it, started once."""
    with stack_running(*PROJECTS) as stack:
        yield stack


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


@pytest.fixture
def rolling(live_stack: LiveStack) -> Client:
    """The developer of project rolling, who orders while a new release comes."""
    return live_stack.clients["rolling"]
