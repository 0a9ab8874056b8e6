"""How pytest-xdist deals tests out to its processes; loaded by ``-p tests.plugins.sharing``.

A file's tests share what they start, so they stay together; so do all end-to-end tests, which share one live stack.
They take longest and come first, lest one process be alone with them at the end.
"""

from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer

_TOGETHER = "tests/e2e/"


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Deals out whole files, and the end-to-end tests as one.

    xdist's own ``loadgroup`` does not group under pytest 9.2: https://github.com/pytest-dev/pytest-xdist/issues/1386
    """

    def _split_scope(self, nodeid: str) -> str:
        return _TOGETHER if nodeid.startswith(_TOGETHER) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> ByFile:
    return ByFile(config, log)


@pytest.hookimpl(trylast=True)  # after the order was made random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_TOGETHER))
