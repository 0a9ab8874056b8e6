"""Where an environment stands follows from what is in it."""

import itertools

import pytest

from provisioning.states import (
    Desired,
    EnvironmentStatus,
    RequestStatus,
    ResourceStatus,
    Standing,
    environment_status,
    standing,
)

R, A = ResourceStatus, RequestStatus
PRESENT, ABSENT = Desired.PRESENT, Desired.ABSENT


@pytest.mark.parametrize(
    ("wanted", "status", "was_ever_made", "newest_request", "says"),
    [
        (PRESENT, R.PENDING, False, A.FULFILLING, Standing.BUSY),
        (PRESENT, R.READY, True, A.COMPLETED, Standing.WELL),
        (PRESENT, R.READY, True, A.FULFILLING, Standing.WELL),
        (PRESENT, R.READY, True, A.FAILED, Standing.WELL),
        (PRESENT, R.DEGRADED, True, A.FAILED, Standing.DEGRADED),
        (PRESENT, R.DEGRADED, False, A.FAILED, Standing.FAILED),
        (PRESENT, R.DEPROVISIONED, False, A.FAILED, Standing.FAILED),
        (PRESENT, R.DEPROVISIONED, False, A.CANCELED, Standing.FAILED),
        (PRESENT, R.DEPROVISIONED, False, A.COMPLETED, Standing.GONE),
        (PRESENT, R.DEPROVISIONED, True, A.COMPLETED, Standing.GONE),
        (ABSENT, R.READY, True, A.FULFILLING, Standing.BUSY),
        (ABSENT, R.READY, True, A.FAILED, Standing.FAILED),
        (ABSENT, R.DEGRADED, True, A.CANCELED, Standing.FAILED),
        (ABSENT, R.DEPROVISIONED, True, A.COMPLETED, Standing.GONE),
        (ABSENT, R.DEPROVISIONED, False, A.FAILED, Standing.GONE),
    ],
)
def test_a_resource_says_how_it_is_with_it(
    *, wanted: Desired, status: ResourceStatus, was_ever_made: bool, newest_request: RequestStatus, says: Standing
) -> None:
    told = standing(wanted=wanted, status=status, was_ever_made=was_ever_made, newest_request=newest_request)
    assert told is says


def test_one_that_goes_between_two_looks_is_not_taken_for_one_that_failed() -> None:
    said = standing(wanted=ABSENT, status=R.READY, was_ever_made=True, newest_request=A.COMPLETED)
    assert said is Standing.BUSY


@pytest.mark.parametrize(
    ("wanted", "standings", "status"),
    [
        (PRESENT, [], EnvironmentStatus.READY),
        (PRESENT, [Standing.WELL, Standing.GONE], EnvironmentStatus.READY),
        (PRESENT, [Standing.WELL, Standing.BUSY], EnvironmentStatus.CREATING),
        (PRESENT, [Standing.WELL, Standing.DEGRADED], EnvironmentStatus.DEGRADED),
        (PRESENT, [Standing.DEGRADED, Standing.BUSY], EnvironmentStatus.CREATING),
        (PRESENT, [Standing.FAILED, Standing.DEGRADED, Standing.BUSY], EnvironmentStatus.FAILED),
        (ABSENT, [], EnvironmentStatus.DELETING),
        (ABSENT, [Standing.GONE], EnvironmentStatus.DELETING),
        (ABSENT, [Standing.BUSY, Standing.GONE], EnvironmentStatus.DELETING),
        (ABSENT, [Standing.BUSY, Standing.FAILED], EnvironmentStatus.FAILED),
    ],
)
def test_the_worst_of_what_is_said_counts_in_any_order(
    wanted: Desired, standings: list[Standing], status: EnvironmentStatus
) -> None:
    for order in itertools.permutations(standings):
        assert environment_status(wanted=wanted, is_closed=False, standings=order) is status


def test_a_closed_one_is_closed_whatever_became_of_its_parts() -> None:
    for said in Standing:
        assert environment_status(wanted=ABSENT, is_closed=True, standings=[said]) is EnvironmentStatus.CLOSED
