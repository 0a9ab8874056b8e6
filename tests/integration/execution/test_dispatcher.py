"""``run_dispatcher`` as a real process, with a database of its own and a broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.db import connection, transaction

from provisioning.dispatch import runs_notify
from provisioning.models import Run
from provisioning.services.execution.claims import ClockTimestamp, LeaseTerms, run_claim
from provisioning.states import RunStatus
from tests import databases
from tests.factories import Orders
from tests.integration.execution.facts import actions
from tests.waiting import wait_until

CHECKOUT = Path(__file__).parents[3]
HOURS = 3600.0
PROGRAM = """
import django
django.setup()
import platform_api.celery
from django.core.management import call_command
from provisioning.management.commands import run_dispatcher
run_dispatcher.SWEEP_SECONDS = {sweep}
call_command("run_dispatcher")
"""

Dispatch = Callable[..., "subprocess.Popen[bytes]"]


def listeners(database: str) -> set[int]:
    """Return the backends that dispatchers listen with."""
    with databases.superuser() as server:
        rows = server.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name = 'slipway-listen' "
            "AND query = 'LISTEN runs' AND state = 'idle'",
            [database],
        ).fetchall()
    return {int(str(pid)) for (pid,) in rows}


@pytest.fixture
def queue() -> Iterator[Callable[[], list[bytes]]]:
    """What waits in the broker; a database of Valkey's that no other test uses."""
    with redis.Redis.from_url(os.environ["REDIS_URL"].rpartition("/")[0] + "/7") as client:
        client.flushdb()
        yield lambda: list(client.lrange("runs", 0, -1))
        client.flushdb()


@pytest.fixture
def dispatch(committing_database: str, tmp_path: Path) -> Iterator[Dispatch]:
    """Start a dispatcher, and return when it listens."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*, sweep: float = 0.2) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "platform_api.settings.test",
            "DATABASE_URL": os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + committing_database,
            "REDIS_URL": os.environ["REDIS_URL"].rpartition("/")[0] + "/7",
            "SLIPWAY_WORKER_SLOTS": "50",
        }
        with (tmp_path / "dispatcher.log").open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, "-c", PROGRAM.format(sweep=sweep)],
                cwd=CHECKOUT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(program)
        wait_until(lambda: bool(listeners(committing_database)) or program.poll() is not None, seconds=30)
        assert program.poll() is None, (tmp_path / "dispatcher.log").read_text()
        return program

    yield start
    for program in started:
        program.kill()
        program.wait()


def hinted(run: Run, queue: Callable[[], list[bytes]]) -> bool:
    import base64
    import json

    bodies = [base64.b64decode(json.loads(message)["body"]) for message in queue()]
    return any(str(run.pk).encode() in body for body in bodies)


def order(orders: Orders) -> Run:
    """Order as the service does: the rows, and the NOTIFY in their transaction."""
    with transaction.atomic():
        run = orders.provision()
        runs_notify()
    return run


def test_a_notification_alone_makes_a_hint(
    committed_orders: Orders, dispatch: Dispatch, queue: Callable[[], list[bytes]]
) -> None:
    dispatch(sweep=HOURS)  # nothing but a notification wakes it
    for _ in range(3):
        run = order(committed_orders)
        wait_until(lambda run=run: hinted(run, queue))  # type: ignore[misc]  # a default binds it
    assert len(queue()) == 3


def test_a_lost_notification_is_made_up_for_by_the_sweep(
    committed_orders: Orders, dispatch: Dispatch, queue: Callable[[], list[bytes]]
) -> None:
    dispatch()
    for _ in range(2):
        run = committed_orders.provision()  # and nobody is told
        wait_until(lambda run=run: hinted(run, queue))  # type: ignore[misc]  # a default binds it


def test_it_reconciles_when_it_starts(
    committed_orders: Orders, dispatch: Dispatch, queue: Callable[[], list[bytes]]
) -> None:
    run = committed_orders.provision()
    run_claim(owner="lost", pools=["default"], terms=LeaseTerms(), plan_seconds=60)
    Run.objects.update(lease_until=ClockTimestamp())
    dispatch()
    wait_until(lambda: hinted(run, queue))
    run.refresh_from_db()
    assert run.status == RunStatus.PENDING
    assert actions(run.pk) == ["run.planning", "run.pending"]


def test_it_survives_the_loss_of_all_its_connections(
    committed_orders: Orders, committing_database: str, dispatch: Dispatch, queue: Callable[[], list[bytes]]
) -> None:
    program = dispatch()
    first = order(committed_orders)
    wait_until(lambda: hinted(first, queue))
    before = listeners(committing_database)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (own,) = cursor.fetchone() or (0,)
    others = "FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
    with databases.superuser() as server:

        def are_all_there() -> bool:
            """Of hints: the one that it listens with, and the one that it works with; of the reconciler: its two."""
            row = server.execute(f"SELECT count(*) {others}", [committing_database, own]).fetchone()
            return row == (4,)

        wait_until(are_all_there)
        server.execute(f"SELECT pg_terminate_backend(pid) {others}", [committing_database, own])
        wait_until(are_all_there, seconds=30)
    wait_until(lambda: bool(listeners(committing_database) - before), seconds=30)
    second = order(committed_orders)
    wait_until(lambda: hinted(second, queue))
    assert program.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_success_when_it_is_asked_to(
    committed_orders: Orders, dispatch: Dispatch, number: signal.Signals
) -> None:
    program = dispatch()
    program.send_signal(number)
    assert program.wait(timeout=30) == 0
