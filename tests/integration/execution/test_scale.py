"""What the dispatcher asks of the database again and again reads what is under way, and no history."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from platform_api.core.locks import Lock, Turns
from provisioning.models import Run
from provisioning.selectors.doctor.runs import runs_unfinished
from provisioning.services.environments.advancing import environments_unadvanced
from provisioning.services.environments.closing import environments_expired, environments_unasked
from provisioning.services.execution.claims import LeaseTerms, run_claim
from provisioning.services.execution.verifying import resources_to_verify
from provisioning.services.hinting import runs_to_hint, runs_unhint
from provisioning.services.intents import resources_without_run
from provisioning.services.reaping import runs_lost
from provisioning.services.reconcile import reconcile
from provisioning.states import RunStatus
from tests import databases
from tests.factories import Orders
from tests.integration.execution.facts import actions
from tests.integration.provisioning.together import at_once

SLOTS = {"default": 3}


def claim(**named: Any) -> object:
    return run_claim(owner="me", pools=["default", "team-a"], terms=LeaseTerms(), plan_seconds=60, **named)


def hint() -> object:
    return runs_to_hint(slots=SLOTS)


def lost() -> object:
    return list(runs_lost())


def plans_of(work: Callable[[], object], database: str) -> str:
    """Return how PostgreSQL goes about each statement when it knows no values, where it may read no table whole."""
    said: list[str] = []

    def listen(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        # What is subtracted from a moment may be of two kinds: the driver says which.
        kinds = ["%s::interval" if isinstance(value, timedelta) else "%s" for value in params or () if many is False]
        said.append(str(sql) if isinstance(params, dict) or not kinds else str(sql) % tuple(kinds))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        work()
    plans = []
    with databases.connected("DATABASE_URL", database) as other:
        other.execute("SET enable_seqscan = off")
        for text in said:
            if not text.lstrip().startswith(("SELECT", "UPDATE", "WITH")) or "advisory" in text:
                continue
            names: dict[str, int] = {}
            numbered = re.sub(
                r"%(?:\((\w+)\))?s",
                lambda found: f"${names.setdefault(found[1] or str(len(names)), len(names) + 1)}",  # noqa: B023 - used at once
                text,
            )
            rows = other.execute(psycopg.sql.SQL(f"EXPLAIN (GENERIC_PLAN) {numbered}")).fetchall()
            plans.append("\n".join(str(line) for (line,) in rows))
    assert plans
    return "\n".join(plans)


@pytest.mark.parametrize(
    ("work", "indexes"),
    [
        (claim, {"run_queue"}),
        (hint, {"run_queue", "run_hinted", "run_leased"}),
        (lost, {"run_leased"}),
        (lambda: list(runs_unfinished()), {"run_is_alone_on_its_resource"}),
        (resources_to_verify, {"resource_verify"}),
        (resources_without_run, {"provisioning_request_under_way", "run_is_alone_on_its_resource"}),
        (environments_unadvanced, {"provisioning_request_under_way", "environment_closing"}),
        (environments_expired, {"environment_expiry"}),
        (environments_unasked, {"environment_closing"}),
    ],
    ids=["claim", "hints", "lost runs", "doctor", "to verify", "missing runs", "unadvanced", "expired", "unasked"],
)
def test_it_goes_by_the_indexes_of_what_is_under_way(
    committed_orders: Orders, committing_database: str, work: Callable[[], object], indexes: set[str]
) -> None:
    plan = plans_of(work, committing_database)
    assert {name for name in indexes if re.search(rf"\b{name}\b", plan)} == indexes, plan


def test_a_heartbeat_changes_nothing_that_an_index_has(committed_orders: Orders) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'run'")
        definitions = [text for (text,) in cursor.fetchall()]
    assert len(definitions) > 5
    assert not [text for text in definitions if "lease_until" in text or "deadline" in text]


def test_dispatchers_that_hint_at_once_send_no_more_than_one_would(committed_orders: Orders) -> None:
    for _ in range(10):
        committed_orders.provision()
    hinted = at_once(6, lambda _: [run.pk for run in runs_to_hint(slots=SLOTS)])
    together = [run for each in hinted for run in each]
    assert len(together) == len(set(together)) == SLOTS["default"]
    assert Run.objects.filter(hinted_at__isnull=False).count() == SLOTS["default"]


def test_a_kind_of_work_is_one_dispatchers_at_a_time(committed_orders: Orders) -> None:
    run = committed_orders.provision()
    assert claim(run_id=run.pk)
    Run.objects.filter(pk=run.pk).update(lease_until="2026-01-01T00:00:00Z")
    with ExitStack() as held:
        one, other = Turns(), Turns()
        for turns in (one, other):
            held.callback(turns.close)
        with one.taken(Lock.REAPING) as is_ours:
            assert is_ours
            assert reconcile(turns=other) == 0
            assert Run.objects.get(pk=run.pk).status == RunStatus.PLANNING
        assert reconcile(turns=other) == 1
    assert actions(run.pk) == ["run.planning", "run.pending"]


def test_a_turn_ends_with_the_connection_of_whoever_had_it(committed_orders: Orders) -> None:
    one, other = Turns(), Turns()
    turn = one.taken(Lock.REAPING)
    assert turn.__enter__()
    with other.taken(Lock.REAPING) as is_ours:
        assert not is_ours
    with databases.superuser() as server:
        server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'slipway-turns' "
            "AND state = 'idle in transaction'"
        )
    with other.taken(Lock.REAPING) as is_ours:
        assert is_ours
    with pytest.raises(psycopg.OperationalError):
        turn.__exit__(None, None, None)
    other.close()


def test_what_was_not_told_after_all_is_hinted_at_again(committed_orders: Orders) -> None:
    run = committed_orders.provision()
    with transaction.atomic():
        runs_unhint(runs_to_hint(slots=SLOTS))
    assert [(each.pk, each.is_hinted_again) for each in runs_to_hint(slots=SLOTS)] == [(run.pk, False)]
