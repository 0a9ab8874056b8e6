"""Environments are ordered, made and given back by many processes at once."""

from collections import Counter
from concurrent.futures import Executor
from contextlib import suppress
from datetime import timedelta
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Count, F

from governance.models import Quota, QuotaEntry
from governance.selectors.quotas import quota_reconcile
from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from provisioning.models import ComponentNeed, Environment, ProvisioningRequest, Resource, Run
from provisioning.services.execution.claims import LeaseLostError
from provisioning.services.execution.limits import MAX_ATTEMPTS
from provisioning.services.reconcile import reconcile
from provisioning.states import LIVE_REQUEST
from tests.integration.provisioning import environment_process, trio
from tests.integration.provisioning.house import House, apply_next, body_of, carry_out, claim, quota, run_of, shown
from tests.integration.provisioning.races import PROCESSES, processes
from tests.integration.provisioning.together import at_once
from tests.integration.provisioning.trio import delete, look, make, ordered, part, put, running, statuses


@pytest.fixture
def house(house: House, tmp_path: Path) -> House:
    """The house, with composed offerings in its catalog, and quotas that many of them fit into."""
    trio.publish(tmp_path)
    trio.publish(tmp_path, slug="diamond", manifest=trio.DIAMOND)
    Quota.objects.update(limit=500)
    return house


def call(pool: Executor, house: House, *calls: tuple[str, str, Any]) -> list[tuple[int, str]]:
    """Let each process make one of these calls, at the same moment."""
    methods, addresses, bodies = zip(*calls, strict=True)
    return list(pool.map(environment_process.call, methods, repeat(house.owner.secret), addresses, bodies))


def address(name: str) -> str:
    return f"/api/v1/projects/checkout/environments/{name}"


def sound() -> None:
    """What must be so whatever has happened: quotas agree with their ledger, nobody is made before what it needs."""
    assert quota_reconcile() == []
    assert not Resource.objects.filter(environment__closed_at__isnull=False).exclude(status="deprovisioned").exists()
    provisioned = Run.objects.filter(operation="provision").values("resource").annotate(count=Count("pk"))
    assert not provisioned.filter(count__gt=1).exists()
    for need in ComponentNeed.objects.select_related("component", "needed"):
        runs = {
            (run.resource_id, run.operation): run
            for run in Run.objects.filter(resource__in=[need.component_id, need.needed_id], status="applied")
        }
        made, needed = (runs.get((pk, "provision")) for pk in (need.component_id, need.needed_id))
        if made is not None:
            assert needed is not None
            assert needed.finished_at is not None
            assert needed.finished_at < made.created_at
        gone, after = (runs.get((pk, "deprovision")) for pk in (need.component_id, need.needed_id))
        if gone is not None and after is not None:
            assert gone.finished_at is not None
            assert gone.finished_at < after.created_at


def test_of_many_processes_that_order_it_at_once_one_makes_it_and_all_get_the_same(house: House) -> None:
    body = {"offering": "trio", "reason": "Pull request 142"}
    with processes(house) as pool:
        answers = call(pool, house, *[("put", trio.PREVIEW, body)] * PROCESSES)
    assert Counter(status for status, _ in answers) == {202: 1, 200: PROCESSES - 1}
    assert len({identity for _, identity in answers}) == 1
    assert Environment.objects.filter(name="pr-142").count() == 1
    assert Resource.objects.filter(environment__name="pr-142").count() == 3
    assert (quota(), quota(kind="count:database")) == ((7, 1), (3, 1))
    assert AuditEvent.objects.filter(action="environment.created", object_name="pr-142").count() == 1
    assert Run.objects.filter(status="pending").count() == 1
    sound()


def test_all_get_the_same_though_the_quota_has_room_for_one(house: House) -> None:
    Quota.objects.filter(scope_name="project:checkout", kind="points").update(limit=1 + trio.TOGETHER[0])
    answers = at_once(6, lambda _: put(house))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 5}
    assert len({body_of(answer)["id"] for answer in answers}) == 1
    sound()


def test_of_two_that_the_quota_has_room_for_one_of_the_other_leaves_nothing(house: House) -> None:
    Quota.objects.filter(scope_name="project:checkout", kind="points").update(limit=2 * trio.TOGETHER[0])
    answers = at_once(2, lambda number: put(house, address(f"pr-{number}")))
    accepted, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert (accepted.status_code, refused.status_code) == (202, 422)
    assert [found["code"] for found in body_of(refused)["errors"]] == ["quota_exceeded"]
    assert Environment.objects.filter(name__startswith="pr-").count() == 1
    assert Resource.objects.filter(environment__name__startswith="pr-").count() == 3
    assert QuotaEntry.objects.filter(subject_id__in=Resource.objects.values("pk")).values("subject_id").distinct(
    ).count() == Resource.objects.count()  # fmt: skip
    assert quota() == (7, 1)
    sound()


def test_what_needs_two_that_end_at_the_same_moment_is_begun_once(house: House) -> None:
    environments = [body_of(put(house, address(f"pr-{number}"), offering="diamond"))["id"] for number in range(6)]
    for environment in environments:
        assert running(environment) == [("db", "provision"), ("reports", "provision")]
        resources = [part(house, environment, name) for name in ("db", "reports")]
        at_once(2, lambda number, resources=resources: carry_out(resources[number], port=60))  # type: ignore[misc]  # mypy infers no type for a lambda's default
        assert running(environment) == [("archive", "provision")]
    sound()


def test_many_workers_and_dispatchers_make_and_take_down_many_environments(house: House) -> None:
    environments = [
        body_of(put(house, address(f"pr-{number}"), offering=offering))["id"]
        for number, offering in enumerate(["trio", "diamond"] * 2)
    ]
    with processes(house) as pool:
        workers = [pool.submit(environment_process.work, number) for number in range(PROCESSES - 1)]
        pool.submit(environment_process.sweep, 15).result(timeout=120)
        assert sum(worker.result(timeout=120) for worker in workers) == 3 * len(environments)
        assert {look(house, environment)["status"] for environment in environments} == {"ready"}
        sound()
        for number in range(len(environments)):
            assert delete(house, address(f"pr-{number}"), confirm=f"pr-{number}").status_code == 202
        workers = [pool.submit(environment_process.work, number) for number in range(PROCESSES - 1)]
        pool.submit(environment_process.sweep, 15).result(timeout=120)
        assert sum(worker.result(timeout=120) for worker in workers) == 3 * len(environments)
    reconcile()
    assert {look(house, environment)["status"] for environment in environments} == {"closed"}
    assert quota() == (0, 1)
    sound()


def test_where_every_worker_dies_between_two_runs_the_dispatcher_brings_it_to_its_end(house: House) -> None:
    environment = ordered(house)

    def die() -> None:
        arguments = (house.database, settings.POLICY_SOCKET)
        process = get_context("spawn").Process(target=environment_process.die, args=arguments)
        process.start()
        process.join(timeout=60)
        assert process.exitcode == environment_process.DEATH

    for name in trio.NAMES:
        die()
        assert statuses(house, environment)[name] == "ready"
        reconcile()
    assert look(house, environment)["status"] == "ready"
    delete(house)
    for name in reversed(trio.NAMES):
        assert running(environment) == [(name, "deprovision")]
        die()
        reconcile()
    assert look(house, environment)["status"] == "closed"
    sound()


def test_given_back_many_times_at_once_each_resource_is_asked_to_go_once(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    answers = at_once(6, lambda _: delete(house))
    assert Counter(answer.status_code for answer in answers) == {202: 6}
    requests = ProvisioningRequest.objects.filter(operation="deprovision", environment=trio.row(environment))
    assert sorted(requests.values_list("resource__name", flat=True)) == sorted(trio.NAMES)
    assert AuditEvent.objects.filter(action="environment.delete_requested").count() == 1
    sound()


def test_an_order_into_one_that_is_given_back_meanwhile_goes_with_it_or_is_refused(house: House) -> None:
    for name in ("pr-0", "pr-1", "pr-2", "pr-3"):
        environment = body_of(put(house, address(name)))["id"]
        closing, *orders = at_once(
            5,
            lambda number, name=name: (
                house.order(environment=name, name=f"late-{number}", parameters={})  # type: ignore[misc]  # mypy infers no type for a lambda's default
                if number
                else delete(house, address(name), confirm=name)
            ),
        )
        assert closing.status_code == 202
        refused = [body_of(answer) for answer in orders if answer.status_code != 202]
        assert {found["code"] for each in refused for found in each["errors"]} <= {"unknown_environment"}
        late = Resource.objects.filter(environment=trio.row(environment), name__startswith="late")
        assert late.count() == len(orders) - len(refused)
        assert not late.filter(desired="present").exists()
        while ProvisioningRequest.objects.filter(status__in=LIVE_REQUEST, environment=trio.row(environment)).exists():
            assert apply_next(owner="tests")
        assert look(house, environment)["status"] == "closed"
    sound()


def test_one_that_is_ordered_and_given_back_at_once_is_never_half(house: House) -> None:
    for name in ("pr-0", "pr-1", "pr-2", "pr-3"):
        answers = at_once(
            4,
            lambda number, name=name: (
                put(house, address(name), reopen=True)  # type: ignore[misc]  # mypy infers no type for a lambda's default
                if number % 2
                else delete(house, address(name), confirm=name)
            ),
        )
        assert {answer.status_code for answer in answers} <= {200, 202, 404, 409}
        assert 202 in {answer.status_code for answer in answers}
        for environment in Environment.objects.filter(name=name):
            resources = Resource.objects.filter(environment=environment).values_list("name", "desired")
            assert sorted(part for part, _ in resources) == sorted(trio.NAMES)
            assert len({desired for _, desired in resources}) == 1
    sound()


def test_of_many_dispatchers_one_gives_each_expired_environment_back(house: House) -> None:
    names = [f"pr-{number}" for number in range(6)]
    for name in names:
        put(house, address(name))
    Environment.objects.filter(name__in=names).update(expires_at=clock.now() - timedelta(seconds=1))
    with processes(house) as pool:
        list(pool.map(environment_process.sweep, [5] * PROCESSES))
    reconcile()
    assert AuditEvent.objects.filter(action="environment.expired").count() == len(names)
    requests = ProvisioningRequest.objects.filter(operation="deprovision", environment__name__in=names)
    assert requests.count() == 3 * len(names)
    while apply_next(owner="tests"):
        pass
    assert not Environment.objects.filter(name__in=names, closed_at=None).exists()
    assert quota() == (0, 1)
    sound()


def test_a_cancel_a_delete_and_the_end_of_a_run_at_one_moment_leave_nothing_waiting(house: House) -> None:
    for number in range(4):
        environment = body_of(put(house, address(f"pr-{number}")))["id"]
        db, archive = (part(house, environment, name) for name in ("db", "archive"))
        run = show(Prefix.RUN, run_of(db).pk)
        calls = [
            lambda run=run: house.post(f"runs/{run}/cancel", {"reason": "Not needed"}),
            lambda number=number: delete(house, address(f"pr-{number}"), confirm=f"pr-{number}"),
            lambda archive=archive: house.change("deprovision", shown(archive), confirm="archive"),
        ]
        acts = [lambda db=db: _worked(db), *calls]
        worked, *answers = at_once(4, lambda index, acts=acts: acts[index]())  # type: ignore[misc]  # mypy infers no type for a lambda's default
        assert worked is None
        assert {answer.status_code for answer in answers} <= {200, 202, 409, 410}
        while apply_next(owner="tests", port=60):
            pass
        reconcile()
        assert look(house, environment)["status"] == "closed"
    assert not Resource.objects.filter(status="pending", generation__gt=F("observed_generation") + 1).exists()
    sound()


def _worked(resource: Resource) -> None:
    """Carry its run out, unless that was canceled or superseded before or meanwhile."""
    with suppress(AssertionError, Run.DoesNotExist, LeaseLostError):
        carry_out(resource, port=60)


def test_runs_of_lost_workers_are_settled_while_others_end_and_order_in_the_same_team(house: House) -> None:
    environments = [body_of(put(house, address(f"pr-{number}")))["id"] for number in range(4)]
    lost, worked = (
        [part(house, environment, "db") for environment in half] for half in (environments[:2], environments[2:])
    )
    for resource in lost:
        claim(resource)
    Run.objects.filter(resource__in=[each.pk for each in lost]).update(
        lease_until=clock.now() - timedelta(seconds=1), attempt=MAX_ATTEMPTS
    )

    def act(index: int) -> object:
        if index < 2:
            return reconcile()
        return carry_out(worked[index - 2], port=60) if index < 4 else put(house, address(f"more-{index}"))

    at_once(6, act)
    for environment in environments[:2]:
        assert look(house, environment)["status"] == "failed"
        assert statuses(house, environment) == dict.fromkeys(trio.NAMES, "deprovisioned")
    for environment in environments[2:]:
        assert statuses(house, environment)["db"] == "ready"
    assert AuditEvent.objects.filter(action="run.errored").count() == 2
    sound()
