"""The database refuses what the lifecycles do not allow, to the service's user and to the tables' owner alike."""

from collections.abc import Mapping
from itertools import product

import psycopg
import pytest

from provisioning.models import LifecycleMove
from provisioning.states import MACHINES, RequestStatus, ResourceStatus, RunStatus
from tests import databases
from tests.factories import Orders
from tests.people import People

USERS = ["DATABASE_URL", "DATABASE_OWNER_URL"]
STATUSES = {"run": RunStatus, "provisioning_request": RequestStatus, "resource": ResourceStatus}
REFUSED = "SW002"
NO_RIGHT = "42501"

Raw = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def ordered(standing_database: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database with one row of each kind; whatever is tried with them is taken back."""
    Orders(People(), tmp_path_factory.mktemp("module")).provision()
    return standing_database


def way(machine: str, target: str) -> list[str]:
    """Return a shortest way from the first status to the target, without the first."""
    first, moves = MACHINES[machine]
    ways = {str(first): list[str]()}
    ahead = [str(first)]
    while ahead:
        at = ahead.pop(0)
        for after in sorted(moves.get(at, frozenset())):
            if after not in ways:
                ways[after] = [*ways[at], after]
                ahead.append(after)
    return ways[target]


def attempt(raw: Raw, statement: str, *, before: list[str] | None = None) -> str:
    """Run statements, undo them, and return the SQLSTATE of the last one; empty for success."""
    try:
        with raw.transaction(force_rollback=True):
            for each in before or []:
                raw.execute(each.encode())
            try:
                with raw.transaction():
                    changed = raw.execute(statement.encode()).rowcount
            except psycopg.Error as error:
                return error.sqlstate or "?"
            assert changed != 0, "nothing was tried"
            return ""
    finally:
        assert raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def allowed(moves: Mapping[str, frozenset[str]], source: str, target: str) -> bool:
    return source in moves and (source == target or target in moves[source])


@pytest.mark.django_db
def test_the_rows_in_the_database_are_the_moves_of_the_code() -> None:
    rows = set(LifecycleMove.objects.values_list("machine", "source", "target"))
    assert rows == {
        (machine, source, target)
        for machine, (first, moves) in MACHINES.items()
        for source, targets in {"": {first}, **moves}.items()
        for target in targets
    }


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_from_each_status_exactly_the_listed_ones_can_be_entered(ordered: str, user: str, machine: str) -> None:
    _, moves = MACHINES[machine]
    wrong = []
    with databases.connected(user, ordered) as raw:
        for source, target in product(STATUSES[machine].values, repeat=2):
            walk = [f"UPDATE {machine} SET status = '{each}'" for each in way(machine, source)]
            said = attempt(raw, f"UPDATE {machine} SET status = '{target}'", before=walk)
            if said != ("" if allowed(moves, source, target) else REFUSED):
                wrong.append((source, target, said))
    assert wrong == []


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_a_final_row_takes_no_change_of_any_column(ordered: str, user: str, machine: str) -> None:
    with databases.connected(user, ordered) as raw:
        for final in set(STATUSES[machine].values) - set(MACHINES[machine][1]):
            walk = [f"UPDATE {machine} SET status = '{each}'" for each in way(machine, final)]
            for change in ("generation = generation + 1", "status = 'something'", "created_at = now()"):
                assert attempt(raw, f"UPDATE {machine} SET {change}", before=walk) == REFUSED


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_a_row_begins_with_the_first_status_only(ordered: str, user: str, machine: str) -> None:
    fresh = {  # a copy of the one row there is, with what must differ
        "run": '\'{{"id": "00000000-0000-7000-8000-000000000001", "status": "{status}"}}\'',
        "provisioning_request": '\'{{"id": "00000000-0000-7000-8000-000000000001", "status": "{status}", '
        '"generation": 9}}\'',
        "resource": '\'{{"id": "00000000-0000-7000-8000-000000000001", "status": "{status}", '
        '"name": "another", "physical_name": "another"}}\'',
    }[machine]
    way_free = ["UPDATE run SET status = 'canceled'"] if machine == "run" else []
    with databases.connected(user, ordered) as raw:
        for status in (*STATUSES[machine].values, "unheard_of"):
            copy = (
                f"INSERT INTO {machine} SELECT copy.* FROM {machine} AS old, "
                f"jsonb_populate_record(old, {fresh.format(status=status)}::jsonb) AS copy"
            )
            assert attempt(raw, copy, before=way_free) == ("" if status == MACHINES[machine][0] else REFUSED), status


@pytest.mark.parametrize("machine", sorted(MACHINES))
@pytest.mark.parametrize(("user", "said"), [("DATABASE_URL", NO_RIGHT), ("DATABASE_OWNER_URL", REFUSED)])
def test_no_row_is_ever_deleted_and_no_table_emptied(ordered: str, user: str, said: str, machine: str) -> None:
    with databases.connected(user, ordered) as raw:
        assert attempt(raw, f"DELETE FROM {machine}") == said
        assert attempt(raw, f"TRUNCATE {machine} CASCADE") == said


def test_the_service_cannot_change_the_moves_themselves(ordered: str) -> None:
    with databases.connected("DATABASE_URL", ordered) as raw:
        for statement in (
            "INSERT INTO lifecycle_move (machine, source, target) VALUES ('run', 'applied', 'pending')",
            "UPDATE lifecycle_move SET target = 'applied'",
            "DELETE FROM lifecycle_move",
        ):
            assert attempt(raw, statement) == NO_RIGHT
