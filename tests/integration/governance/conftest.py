from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.integration.governance.judging import policies_write
from tests.policies import PolicyHelper


@pytest.fixture
def helper(tmp_path: Path, settings: Settings) -> Iterator[PolicyHelper]:
    """A helper of the test's own, which it may harm."""
    helper = PolicyHelper(tmp_path, policies_write(tmp_path)).start()
    settings.POLICY_SOCKET = helper.socket
    yield helper
    if helper.process.poll() is None:
        helper.stop()
