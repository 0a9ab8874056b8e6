"""A little of ``make faults``: every kind of fault once against the real processes, and nothing promised is broken."""

import pytest

from tests.faults.__main__ import faults
from tests.faults.directed import SHORT
from tests.faults.nemesis import KINDS

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


def test_every_kind_of_fault_once_breaks_no_promise() -> None:
    result = faults(seed=1, is_short=True, stages=("table", "directed", "random"))
    assert result["violations"] == []
    assert result["hits"] == dict.fromkeys(SHORT, 1)
    assert set(result["random"]["faults_by_kind"]) == set(KINDS)
