"""A new release comes while 20 runs are live: old processes drain and hand over, new ones serve; nobody notices."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from platform_api.process.identity import ProcessIdentity, descendants
from tests.e2e.client import Client, Json
from tests.e2e.live import LiveStack
from tests.waiting import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

RUNS = 20
WAITERS = 4


@pytest.fixture(autouse=True)
def recovered(live_stack: LiveStack) -> Iterator[None]:
    """Each test leaves the stack to the next one as it found it."""
    live_stack.wait_ready()
    yield
    live_stack.wait_ready()


def held_by(stack: LiveStack, worker: ProcessIdentity, *, status: str) -> int:
    """Count the runs of this status that a worker's pool children hold."""
    children = {str(process.pid) for process in descendants(worker.pid)}
    with stack.control() as control:
        rows = control.execute("SELECT lease_owner FROM run WHERE status = %s", [status]).fetchall()
    return sum(owner is not None and str(owner).split(":")[1] in children for (owner,) in rows)


def told_of(stack: LiveStack, requests: list[Json]) -> dict[str, list[str]]:
    """Return what the audit trail tells of each request's runs, oldest first."""
    with stack.control() as control:
        rows = control.execute(
            "SELECT object_id::text, array_agg(action ORDER BY id) FROM audit_event "
            "WHERE object_type = 'run' AND object_id = ANY(%s) GROUP BY object_id",
            [[stack.run_uuid(request) for request in requests]],
        ).fetchall()
    return dict(rows)


def answer_to_waiter(client: Client, request: Json) -> int:
    """Wait for a request's end on a connection of its own; 0 where nobody took the call: a proxy sends it elsewhere."""
    headers = {"Authorization": client.http.headers["Authorization"]}
    with httpx.Client(base_url=client.http.base_url, headers=headers, timeout=70, trust_env=False) as http:
        try:
            return http.get(f"requests/{request['id']}", params={"wait": "60"}).status_code
        except httpx.ConnectError:
            return 0


def is_anyone_held(stack: LiveStack) -> bool:
    with stack.control() as control:
        row = control.execute("SELECT FROM pg_stat_activity WHERE application_name = 'slipway-finals'").fetchone()
    return row is not None


def test_a_rolling_restart_with_twenty_runs_live_fails_none_and_doubles_none(
    live_stack: LiveStack, rolling: Client
) -> None:
    log = live_stack.folder.log("worker")
    mark = len(log.read_text())
    old = {name: live_stack.process(name) for name in ("dispatcher", "worker", "api")}
    with live_stack.beside("dispatcher"), live_stack.beside("worker") as newer, ThreadPoolExecutor(WAITERS) as threads:
        with live_stack.fleet() as fleet, fleet.transaction():
            fleet.execute("LOCK TABLE pg_database IN SHARE MODE")  # whoever makes a database waits: runs stay live
            requests = [rolling.order(f"rolling-{number}") for number in range(RUNS)]
            for worker in (old["worker"], newer):
                wait_until(lambda worker=worker: held_by(live_stack, worker, status="applying") > 0, seconds=60)  # type: ignore[misc]  # a default binds it
            waiters = [threads.submit(answer_to_waiter, rolling, requests[-1]) for _ in range(WAITERS)]
            wait_until(lambda: is_anyone_held(live_stack))

            # It takes no more, and then has no time left for those that it has. Signals that nobody heard yet are one.
            for times in (1, 2):
                assert old["worker"].send(signal.SIGTERM)
                wait_until(lambda times=times: log.read_text()[mark:].count("Warm shutdown") == times)  # type: ignore[misc]  # a default binds it
            assert old["dispatcher"].send(signal.SIGTERM)
            wait_until(lambda: not old["dispatcher"].is_alive())
            assert old["api"].send(signal.SIGTERM)
            answers = {waiter.result(30) for waiter in waiters}
            assert 200 in answers
            assert answers <= {0, 200}  # taken and answered, or not taken: none was broken off
            wait_until(lambda: not old["api"].is_alive())
        # What was in flight comes to its end; the rest of those applies is another worker's.
        wait_until(lambda: not old["worker"].is_alive(), seconds=60)
        live_stack.wait_ready()
        done = [rolling.finish(request, seconds=90) for request in requests]

    assert [request["status"] for request in done] == ["completed"] * RUNS
    told = told_of(live_stack, requests)
    assert len(told) == RUNS
    handed_over = [actions for actions in told.values() if "run.recovering" in actions or "run.pending" in actions]
    assert handed_over
    assert not {"run.errored", "run.overtaken", "run.canceled"} & {
        each for actions in told.values() for each in actions
    }
    ends = ("run.applied", "run.planned_and_finished")
    assert [sum(each in ends for each in actions) for actions in told.values()] == [1] * RUNS
    with live_stack.control() as control:
        # Handing over costs no attempt; a server whose catalog was locked for long may have cost one, and says so.
        rows = control.execute(
            "SELECT count(*) FROM run WHERE project_id = (SELECT id FROM project WHERE slug = 'rolling')"
            " AND attempt - 1 <> (SELECT count(*) FROM log_line WHERE run_id = run.id AND line LIKE '%Tried again%')"
        )
        assert rows.fetchone() == (0,)
    assert all(live_stack.fleet_has(live_stack.physical_name(request)) == (True, True) for request in requests)
    assert "Every quota equals the sum of its ledger" in live_stack.manage("quota_check")
