"""Whatever is killed, frozen or away: what was accepted comes to an end, and nothing is left behind."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from platform_api.process.identity import ProcessIdentity, descendants
from platform_api.process.table import process_row
from tests.e2e.client import Client, Json
from tests.e2e.live import LiveStack
from tests.waiting import wait_until

pytestmark = pytest.mark.live

KILLED = ("api", "dispatcher", "worker", "policy", "broker", "control-postgres")
ORDER_EVERY_SECONDS = 1.0


@pytest.fixture(autouse=True)
def recovered(live_stack: LiveStack) -> Iterator[None]:
    """Each test leaves the stack to the next one as it found it."""
    live_stack.wait_ready()
    yield
    live_stack.wait_ready()


def pool_child(stack: LiveStack, request: Json) -> ProcessIdentity:
    """The process of the worker's pool that carries out a request's run."""
    with stack.control() as control:
        row = control.execute("SELECT lease_owner FROM run WHERE id = %s", [stack.run_uuid(request)])
        (owner,) = row.fetchone() or (None,)
    found = ProcessIdentity.of(int(str(owner).split(":")[1]))
    assert found is not None
    return found


def words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def terraform_and_providers(stack: LiveStack) -> list[str]:
    """Every Terraform below the stack, and every provider: what is a zygote's fork, or once was."""
    found = []
    for process in descendants(stack.supervisor.pid):
        text, row = words(process.pid), process_row(process.pid)
        is_fork = "serve.zygote" in text and row is not None and "celery" not in words(row.parent)
        if is_fork or text.partition(" ")[0].endswith("terraform"):
            found.append(text)
    return found


def is_anyone_waiting(stack: LiveStack) -> bool:
    """Tell whether a session of the fleet's server waits for a lock."""
    with stack.fleet() as fleet:
        return fleet.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is not None


def is_longer(items: list[Json], count: int) -> bool:
    return len(items) > count


@contextmanager
def orders_coming(client: Client) -> Iterator[list[Json]]:
    """Order a database each second from a thread of its own; what was accepted is in the list."""
    accepted: list[Json] = []
    is_over = threading.Event()
    faults: list[BaseException] = []

    def order() -> None:
        try:
            number = 0
            while not is_over.wait(ORDER_EVERY_SECONDS):
                accepted.append(client.order_stubbornly(f"storm-{number}"))
                number += 1
        except BaseException as error:  # noqa: BLE001 - handed to the test, which raises it
            faults.append(error)

    thread = threading.Thread(target=order)
    thread.start()
    try:
        yield accepted
    finally:
        is_over.set()
        thread.join()
    assert faults == []


def give_back(stack: LiveStack, client: Client, requests: list[Json]) -> None:
    """Deprovision what the requests brought; nothing is left on the fleet, and no quota is held."""
    names = [stack.physical_name(request) for request in requests]
    resources = [client.get(f"resources/{request['resource']['id']}") for request in requests]
    asked = [client.deprovision(resource) for resource in resources if resource["status"] != "deprovisioned"]
    assert [client.finish(request)["status"] for request in asked] == ["completed"] * len(asked)
    assert [name for name in names if any(stack.fleet_has(name))] == []
    rows = client.get("quotas", project=client.project)["results"]
    assert {row["used"] + row["reserved"] for row in rows} == {0}
    assert "Every quota equals the sum of its ledger" in stack.manage("quota_check")


@pytest.mark.parametrize("catalog", ["pg_authid", "pg_database"])
def test_a_worker_killed_in_mid_apply_costs_time_and_nothing_else(
    live_stack: LiveStack, storm: Client, catalog: str
) -> None:
    with live_stack.fleet() as fleet, fleet.transaction():
        # Whoever makes a role, or a database, waits here.
        fleet.execute(f"LOCK TABLE {catalog} IN SHARE MODE")
        request = storm.order("half-made")
        wait_until(lambda: is_anyone_waiting(live_stack))
        child = pool_child(live_stack, request)
        assert storm.get(f"runs/{request['run']['id']}")["status"] == "applying"

        child.send(signal.SIGKILL)

        wait_until(lambda: storm.get(f"runs/{request['run']['id']}")["status"] == "recovering", seconds=30)
    done = storm.finish(request)
    run = storm.get(f"runs/{request['run']['id']}")
    assert (done["status"], run["status"] in {"applied", "planned_and_finished"}) == ("completed", True)
    assert run["attempt"] > 1
    assert storm.get(f"resources/{request['resource']['id']}")["status"] == "ready"
    wait_until(lambda: terraform_and_providers(live_stack) == [], seconds=30)
    assert all(live_stack.fleet_has(live_stack.physical_name(request)))

    give_back(live_stack, storm, [request])


def test_every_accepted_request_comes_to_an_end_whatever_is_killed(live_stack: LiveStack, storm: Client) -> None:
    with orders_coming(storm) as requests:
        for part in KILLED:
            count = len(requests)
            live_stack.kill(part)
            live_stack.wait_ready()
            wait_until(partial(is_longer, requests, count))

    ends = {request["id"]: storm.finish(request)["status"] for request in requests}

    assert len(ends) == len(requests) >= len(KILLED)
    assert list(ends.values()).count("completed") >= len(KILLED)
    listed = {row["id"] for row in storm.get("requests", project=storm.project, limit="100")["results"]}
    assert set(ends) <= listed
    give_back(live_stack, storm, requests)
    wait_until(lambda: terraform_and_providers(live_stack) == [], seconds=30)


def test_a_frozen_broker_delays_no_answer_and_loses_nothing(live_stack: LiveStack, storm: Client) -> None:
    log = live_stack.folder.log("dispatcher")
    mark = log.stat().st_size
    with live_stack.frozen("broker"):
        request = storm.order("patient")
        wait_until(lambda: "the broker takes no hints" in log.read_text()[mark:])
        assert storm.get(f"requests/{request['id']}")["status"] == "fulfilling"

    assert storm.finish(request)["status"] == "completed"
    give_back(live_stack, storm, [request])


def test_without_its_policies_nothing_is_accepted(live_stack: LiveStack, storm: Client) -> None:
    with live_stack.frozen("policy"):
        refused = storm.submit(storm.ask("judged"))

    assert refused.status_code == 422
    assert [error["code"] for error in refused.json()["errors"]] == ["policy_engine_error"]
    assert storm.get("resources", project=storm.project, name="judged")["results"] == []
    give_back(live_stack, storm, [storm.finish(storm.order("judged"))])
