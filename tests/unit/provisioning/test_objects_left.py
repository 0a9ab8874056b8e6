"""What an apply left is told whole: by the state, and by what was said and never came into it."""

import pytest

from platform_api.terraform.journal import JournalEntry, StepStatus
from platform_api.terraform.testing import state_make
from provisioning.services.execution.records import objects_left

ROLE, DATABASE = "fleet_postgres_role.this", "fleet_postgres_database.this"


def entry(address: str, action: str, status: StepStatus) -> JournalEntry:
    return JournalEntry(address=address, action=action, status=status)


@pytest.mark.parametrize("status", [StepStatus.STARTED, StepStatus.COMPLETE])
def test_what_was_made_and_is_in_no_state_is_left(status: StepStatus) -> None:
    assert objects_left(None, [entry(ROLE, "create", status)]) == (ROLE,)


def test_what_the_state_knows_is_told_once() -> None:
    state = state_make([ROLE], serial=1, lineage="a")
    journal = [entry(ROLE, "create", StepStatus.COMPLETE), entry(DATABASE, "create", StepStatus.COMPLETE)]
    assert objects_left(state, journal) == (ROLE, DATABASE)


def test_what_was_removed_and_what_failed_is_not_left() -> None:
    journal = [entry(ROLE, "delete", StepStatus.COMPLETE), entry(DATABASE, "create", StepStatus.ERRORED)]
    assert objects_left(None, journal) == ()
