"""A failed component: what waits for it ends, what is there stays and is shown, and everything can be given back."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import OperationalError
from django.db.models import F

from governance.selectors.quotas import quota_reconcile
from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, show
from provisioning.models import Environment, ProvisioningRequest, Run
from provisioning.services.environments import advancing, closing
from provisioning.services.execution import endings, outcomes
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.limits import MAX_ATTEMPTS, MAX_RECOVERIES
from provisioning.services.execution.outcomes import canceled, run_failed
from provisioning.services.reconcile import reconcile
from provisioning.states import RunStatus
from tests.integration.provisioning import trio
from tests.integration.provisioning.house import (
    House,
    begin_apply,
    body_of,
    carry_out,
    claim,
    prepare,
    quota,
    run_of,
    shown,
)
from tests.integration.provisioning.trio import delete, fail, look, make, ordered, part, put, running, statuses


@pytest.fixture
def house(borrowed_house: House, tmp_path: Path) -> House:
    """The house, with composed offerings in its catalog."""
    trio.publish(tmp_path)
    trio.publish(tmp_path, slug="diamond", manifest=trio.DIAMOND)
    return borrowed_house


def failures(house: House, environment: str) -> dict[str, str | None]:
    return {
        each["name"]: each["failure"] and each["failure"]["code"] for each in look(house, environment)["components"]
    }


def test_what_waits_for_it_ends_and_says_which(house: House) -> None:
    environment = ordered(house)
    fail(part(house, environment, "db"))
    seen = look(house, environment)
    assert seen["status"] == "failed"
    assert statuses(house, environment) == dict.fromkeys(trio.NAMES, "deprovisioned")
    assert failures(house, environment) == {
        "db": "terraform_failed", "reports": "need_failed", "archive": "need_failed",
    }  # fmt: skip
    told = {each["name"]: each["failure"]["detail"] for each in seen["components"]}
    assert "needs db" in told["reports"]
    assert "needs reports" in told["archive"]
    requests = ProvisioningRequest.objects.filter(environment=trio.row(environment))
    assert set(requests.values_list("status")) == {("failed",)}
    assert running(environment) == []
    assert (quota(), quota(kind="count:database"), quota_reconcile()) == ((0, 1), (0, 1), [])
    assert AuditEvent.objects.filter(action="request.failed", code="need_failed").count() == 2


def test_what_is_there_stays_and_is_shown_with_what_is_left_of_the_other(house: House) -> None:
    environment = ordered(house)
    make(house, environment, "db")
    fail(part(house, environment, "reports"), has_applied=True, objects_left=("fleet_postgres_role.this",))
    seen = look(house, environment)
    assert seen["status"] == "failed"
    assert statuses(house, environment) == {"db": "ready", "reports": "degraded", "archive": "deprovisioned"}
    assert set(seen["outputs"]) == {"db"}
    told = {each["name"]: each["failure"] for each in seen["components"]}
    assert told["reports"]["objects_left"] == ["fleet_postgres_role.this"]
    assert (told["db"], told["archive"]["code"]) == (None, "need_failed")
    assert quota() == (3, 2)
    delete(house)
    carry_out(part(house, environment, "reports"))
    carry_out(part(house, environment, "db"))
    assert look(house, environment)["status"] == "closed"
    assert (quota(), quota_reconcile()) == ((0, 1), [])


def test_what_is_wired_and_does_not_fit_ends_its_component_and_those_after_it(house: House) -> None:
    environment = ordered(house)
    carry_out(part(house, environment, "db"), port=5432)  # a medium plan allows 3600 at most
    assert failures(house, environment) == {"db": None, "reports": "wiring_unfit", "archive": "need_failed"}
    (told,) = [each["failure"] for each in look(house, environment)["components"] if each["name"] == "reports"]
    assert "statement_timeout_seconds (from db.outputs.port)" in told["detail"]
    assert "3600" in told["detail"]
    assert (look(house, environment)["status"], running(environment)) == ("failed", [])
    assert (quota(), quota_reconcile()) == ((0, 2), [])


def test_an_output_that_is_not_there_is_told_like_one_that_does_not_fit(house: House) -> None:
    environment = ordered(house)
    carry_out(part(house, environment, "db"), port=None)
    assert failures(house, environment)["reports"] == "wiring_unfit"


def test_a_run_that_somebody_cancels_ends_those_that_wait_for_it(house: House) -> None:
    environment = ordered(house)
    run = run_of(part(house, environment, "db"))
    house.post(f"runs/{show(Prefix.RUN, run.pk)}/cancel", {"reason": "Not needed"})
    assert failures(house, environment) == {"db": "canceled", "reports": "need_failed", "archive": "need_failed"}
    assert (look(house, environment)["status"], quota()) == ("failed", (0, 1))


def test_a_failed_one_is_left_alone_until_it_is_given_back_and_then_can_be_ordered_anew(house: House) -> None:
    environment = ordered(house)
    fail(part(house, environment, "db"))
    assert put(house).status_code == 200
    assert delete(house).json()["status"] == "closed"
    again = ordered(house, reopen=True)
    assert again != environment
    make(house, again)
    assert look(house, again)["status"] == "ready"


def test_a_component_that_could_not_be_given_back_is_told_and_tried_again_by_another_delete(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    delete(house)
    fail(part(house, environment, "archive"))
    seen = look(house, environment)
    assert (seen["status"], failures(house, environment)["archive"]) == ("failed", "terraform_failed")
    assert running(environment) == []  # those that archive needs wait for it
    assert delete(house).status_code == 202
    assert look(house, environment)["status"] == "deleting"
    for name in reversed(trio.NAMES):
        carry_out(part(house, environment, name))
    assert look(house, environment)["status"] == "closed"
    assert (quota(), quota_reconcile()) == ((0, 1), [])


def test_an_update_that_fails_makes_it_degraded_and_a_further_one_sound_again(house: House) -> None:
    environment = ordered(house)
    make(house, environment)
    db = part(house, environment, "db")
    house.change("update", show(Prefix.RESOURCE, db.pk), parameters={"connection_limit": 3})
    fail(db, has_applied=True, objects_left=("fleet_postgres_role.this",))
    assert look(house, environment)["status"] == "degraded"
    house.change("update", show(Prefix.RESOURCE, db.pk), parameters={"connection_limit": 3})
    make(house, environment, "db")
    assert look(house, environment)["status"] == "ready"


def test_what_was_ready_once_is_waited_for_while_it_is_degraded(house: House) -> None:
    environment = ordered(house, offering="diamond")
    make(house, environment, "db")
    db = part(house, environment, "db")
    assert house.change("update", shown(db), parameters={"connection_limit": 3}).status_code == 202
    fail(db, has_applied=True, objects_left=("fleet_postgres_role.this",))
    make(house, environment, "reports")
    assert statuses(house, environment) == {"db": "degraded", "reports": "ready", "archive": "pending"}
    assert (running(environment), failures(house, environment)["archive"]) == ([], None)
    house.change("update", shown(db), parameters={"connection_limit": 3})
    make(house, environment, "db", "archive")
    assert look(house, environment)["status"] == "ready"


def test_what_somebody_kept_from_an_expired_one_can_only_go_and_is_asked_for_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = ordered(house)
    make(house, environment)
    Environment.objects.filter(pk=trio.row(environment).pk).update(expires_at=clock.now() - timedelta(seconds=1))
    reconcile()
    archive = part(house, environment, "archive")
    house.post(f"runs/{show(Prefix.RUN, run_of(archive).pk)}/cancel", {"reason": "Not yet"})
    assert statuses(house, environment)["archive"] == "ready"
    assert house.change("update", shown(archive), parameters={"connection_limit": 3}).status_code == 409
    assert house.change("rotate", shown(archive)).status_code == 409
    reconcile()
    assert running(environment) == []  # not at once: whoever canceled it may want to look
    monkeypatch.setattr(closing, "REPEAT_SECONDS", 0)
    reconcile()
    reconcile()
    assert running(environment) == [("archive", "deprovision")]
    assert AuditEvent.objects.filter(action="environment.delete_repeated").count() == 1
    for name in reversed(trio.NAMES):
        carry_out(part(house, environment, name))
    assert look(house, environment)["status"] == "closed"
    assert (quota(), quota_reconcile()) == ((0, 1), [])


# What is left undone where somebody dies between the end of a run and what follows from it.


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing follows from the end of a run: its worker dies at that moment."""
    monkeypatch.setattr(outcomes, "environment_follow", lambda **_: None)


def test_after_the_death_of_a_worker_the_next_component_is_begun_by_the_dispatcher(house: House, mortal: None) -> None:
    environment = ordered(house)
    for done, due in (("db", "reports"), ("reports", "archive")):
        make(house, environment, done)
        assert running(environment) == []
        assert reconcile() == 1
        assert running(environment) == [(due, "provision")]
        assert run_of(part(house, environment, due)).parameters["statement_timeout_seconds"] == 60
    assert reconcile() == 0


def test_after_the_death_of_a_worker_those_that_wait_in_vain_are_ended_by_the_dispatcher(
    house: House, mortal: None
) -> None:
    environment = ordered(house)
    fail(part(house, environment, "db"))
    assert statuses(house, environment)["archive"] == "pending"
    assert reconcile() == 1
    assert failures(house, environment) == {
        "db": "terraform_failed", "reports": "need_failed", "archive": "need_failed",
    }  # fmt: skip
    assert (quota(), reconcile()) == ((0, 1), 0)


def test_after_the_death_of_a_worker_an_environment_is_taken_down_and_closed_by_the_dispatcher(
    house: House, mortal: None
) -> None:
    environment = ordered(house)
    for name in trio.NAMES:
        make(house, environment, name)
        reconcile()
    delete(house)
    for name in reversed(trio.NAMES):
        assert running(environment) == [(name, "deprovision")]
        carry_out(part(house, environment, name))
        assert look(house, environment)["status"] == "deleting"
        assert reconcile() == 1
    assert look(house, environment)["status"] == "closed"
    assert (trio.row(environment).closed_at is not None, reconcile()) == (True, 0)
    assert AuditEvent.objects.get(action="environment.closed").actor_name == "dispatcher"


def test_workers_that_were_all_lost_in_their_applies_fail_the_environment(house: House) -> None:
    environment = ordered(house)
    claimed = claim(part(house, environment, "db"))
    prepare(claimed)
    begin_apply(claimed)
    past = ClockTimestamp() - timedelta(seconds=1)
    planned = {"objects": [{"address": "fleet_postgres_role.this", "action": "create"}]}
    Run.objects.filter(pk=claimed.run_id).update(
        lease_until=past, attempt=MAX_ATTEMPTS + MAX_RECOVERIES, plan_summary=planned
    )
    assert reconcile() == 2  # the lease, and what follows from it
    assert failures(house, environment) == {"db": "worker_lost", "reports": "need_failed", "archive": "need_failed"}
    assert (look(house, environment)["status"], quota()) == ("failed", (1, 1))


def test_an_environment_that_cannot_go_on_does_not_hold_up_the_others(
    house: House, mortal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ordered(house)
    second = put(house, trio.PREVIEW.replace("142", "143")).json()["id"]
    fail(part(house, first, "db"))
    fail(part(house, second, "db"))
    real = endings.unbegun_end

    def broken(caller: object, resource: object, *rest: object) -> None:
        if getattr(resource, "environment_id", None) == trio.row(first).pk:
            msg = "no"
            raise RuntimeError(msg)
        real(caller, resource, *rest)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(advancing, "unbegun_end", broken)
    assert reconcile() == 1
    assert statuses(house, first)["archive"] == "pending"
    assert statuses(house, second)["archive"] == "deprovisioned"


@pytest.fixture
def deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever follows from a commit fails; what the dispatcher does by itself does not."""

    def deadlocked(**_: object) -> None:
        msg = "deadlock detected"
        raise OperationalError(msg)

    monkeypatch.setattr(advancing, "environment_advance", deadlocked)


def test_a_run_stays_applied_though_what_follows_from_it_fails(house: House, deadlock: None) -> None:
    environment = ordered(house)
    make(house, environment, "db")
    db = part(house, environment, "db")
    assert (db.status, Run.objects.get(resource=db).status, running(environment)) == ("ready", "applied", [])
    assert reconcile() == 1
    assert running(environment) == [("reports", "provision")]


def test_a_run_stays_failed_though_what_follows_from_it_fails(house: House, deadlock: None) -> None:
    environment = ordered(house)
    fail(part(house, environment, "db"))
    assert failures(house, environment) == {"db": "terraform_failed", "reports": None, "archive": None}
    assert reconcile() == 1
    assert failures(house, environment)["archive"] == "need_failed"


def test_a_cancel_is_accepted_though_what_follows_from_it_fails(house: House, deadlock: None) -> None:
    environment = ordered(house)
    run = run_of(part(house, environment, "db"))
    answer = house.post(f"runs/{show(Prefix.RUN, run.pk)}/cancel", {"reason": "Not needed"})
    assert (answer.status_code, body_of(answer)["status"]) == (202, "canceled")
    assert reconcile() == 1
    assert failures(house, environment) == {"db": "canceled", "reports": "need_failed", "archive": "need_failed"}


def test_giving_back_is_accepted_though_what_follows_from_it_fails(house: House, deadlock: None) -> None:
    environment = ordered(house)
    fail(part(house, environment, "db"))
    answer = delete(house)
    assert (answer.status_code, body_of(answer)["status"]) == (202, "deleting")
    assert reconcile() == 1
    assert look(house, environment)["status"] == "closed"


def test_what_the_dispatcher_did_already_a_worker_does_not_do_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*, environment_id: UUID, caller: Caller) -> None:
        assert reconcile() == 1
        advancing.environment_follow(environment_id=environment_id, caller=caller)

    environment = ordered(house)
    before = list(AuditEvent.objects.filter(action="run.pending").values_list("pk", flat=True))
    monkeypatch.setattr(outcomes, "environment_follow", late)
    make(house, environment, "db")
    run = Run.objects.get(resource=part(house, environment, "reports"))
    event = AuditEvent.objects.exclude(pk__in=before).get(action="run.pending")
    assert (event.actor_name, event.object_id) == ("dispatcher", run.pk)


def test_a_cancel_that_a_worker_hears_too_late_lets_the_next_begin(house: House) -> None:
    environment = ordered(house)
    db = part(house, environment, "db")
    claimed = claim(db)
    Run.objects.filter(pk=claimed.run_id).update(cancel_requested_at=ClockTimestamp(), epoch=F("epoch"))
    prepare(claimed)
    run_failed(claimed, canceled(), has_applied=False, is_canceled=True)
    assert failures(house, environment)["reports"] == "need_failed"
    assert Run.objects.get(pk=claimed.run_id).status == RunStatus.CANCELED
