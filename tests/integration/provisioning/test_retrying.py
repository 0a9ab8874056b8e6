"""What came to nothing is asked for again: what the new request is, what it takes up, and when it is refused."""

from collections import Counter
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from catalog.services.retirement import plan_retire, version_deprecate, version_retire
from governance.models import Quota
from governance.selectors.quotas import quota_reconcile
from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.core.ids import Prefix, parse, show
from platform_api.terraform.client import RunEnding
from platform_api.terraform.state import StateVersion
from platform_api.terraform.testing import DOWN, TAKEN, FakeTerraform, Script
from provisioning.models import Environment, ProvisioningRequest, Resource, Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.limits import MAX_ATTEMPTS
from provisioning.services.execution.outcomes import canceled, run_failed
from provisioning.states import Operation
from tests.factories import run_insert, worker_make
from tests.integration.provisioning import environment_process, trio
from tests.integration.provisioning.house import (
    OUTPUTS,
    House,
    begin_apply,
    body_of,
    carry_out,
    claim,
    prepare,
    quota,
    resource_of,
    run_of,
    shown,
)
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.races import PROCESSES, processes
from tests.integration.provisioning.together import at_once
from tests.people import TESTS

BROKEN = RunFailure(code="broken", kind="platform", detail="It broke.", remedy="Mend it.")
LEFT = RunFailure(
    code="broken", kind="platform", detail="It broke.", remedy="Mend it.", objects_left=("fleet_postgres_role.this",)
)
HALF_MADE = Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=2)
WELL = Script(outputs=OUTPUTS)


def retry(house: House, request: str, body: object = None, **options: Any) -> HttpResponse:
    return house.post(f"requests/{request}/retry", body, **options)


def look(house: House, request: str) -> dict[str, Any]:
    return body_of(house.owner.client.get(f"/api/v1/requests/{request}"))


def newest(resource: Resource) -> str:
    found = ProvisioningRequest.objects.filter(resource=resource).latest("generation")
    return show(Prefix.PROVISIONING_REQUEST, found.pk)


def fail(resource: Resource, failure: RunFailure = BROKEN, *, has_applied: bool = False) -> str:
    """Let the resource's waiting run fail, and return its request."""
    claimed = claim(resource)
    prepare(claimed)
    if has_applied:
        begin_apply(claimed)
    run_failed(claimed, failure, has_applied=has_applied, is_canceled=failure.code == "canceled")
    return newest(resource)


def failed(house: House, operation: str = "update", **body: Any) -> str:
    """Ask for a change of ``orders`` that fails before it has changed anything, and return its request."""
    assert house.change(operation, **body).status_code == 202
    return fail(resource_of(house.orders))


def remedy_of(answer: HttpResponse) -> str:
    return str(body_of(answer)["remedy"])


def test_a_retry_asks_for_the_very_same_again_and_names_what_it_repeats(house: House) -> None:
    first = failed(house, plan="medium", parameters={"connection_limit": 7}, reason="More is needed", ticket="SHOP-150")
    answer = retry(house, first)
    assert answer.status_code == 202
    body, before = body_of(answer), look(house, first)
    assert answer.headers["Location"] == answer.headers["Content-Location"] == f"/api/v1/requests/{body['id']}"
    assert answer.headers["Retry-After"] == "1"
    same = ("operation", "offering", "parameters", "project", "environment", "resource", "cost", "reason", "ticket")
    assert {name: body[name] for name in same} == {name: before[name] for name in same}
    assert (body["status"], body["run"]["status"], before["status"]) == ("fulfilling", "pending", "failed")
    assert body["id"] != first
    assert quota() == (2, 1)
    event = AuditEvent.objects.get(action="request.submitted", object_id=parse(Prefix.PROVISIONING_REQUEST, body["id"]))
    assert (event.after or {})["retry_of"] == first
    carry_out(resource_of(house.orders))
    made = resource_of(house.orders)
    assert (made.status, made.plan.slug, made.parameters["connection_limit"]) == ("ready", "medium", 7)
    assert (look(house, body["id"])["status"], quota(), quota_reconcile()) == ("completed", (0, 3), [])


def test_a_reason_and_a_ticket_of_its_own_take_the_place_of_the_first_ones(house: House) -> None:
    first = failed(house, reason="More is needed", ticket="SHOP-150")
    body = body_of(retry(house, first, {"reason": "The server is back", "ticket": "OPS-7"}))
    assert (body["reason"], body["ticket"]) == ("The server is back", "OPS-7")


def test_a_teammate_may_retry_what_another_asked_for(house: House) -> None:
    body = body_of(retry(house, failed(house), by=house.people.teammate))
    assert body["requested_by"]["name"] == "teammate"


def test_a_provision_that_was_half_made_is_finished_by_a_retry_from_its_newest_state(house: House) -> None:
    made = house.ordered()
    terraform = FakeTerraform(HALF_MADE, WELL)
    worker = worker_make(client=terraform)
    run_carry_out(worker, hint=run_of(made).pk)
    resource = resource_of(shown(made))
    assert (resource.status, quota()) == ("degraded", (1, 1))
    body = body_of(retry(house, newest(resource)))
    assert (body["operation"], body["parameters"]) == ("update", made.parameters)
    assert (body["quota"], quota()) == ([], (1, 1))  # what it takes is held already
    run_carry_out(worker, hint=run_of(resource).pk)
    state = terraform.specs[1].prior_state
    assert state is not None
    assert len(StateVersion.parse(state).addresses) == 2
    assert look(house, body["id"])["status"] == "completed"
    assert Run.objects.get(resource=resource, operation="update").status == "applied"
    finished = resource_of(shown(made))
    assert (finished.status, finished.observed_generation, finished.outputs) == ("ready", 2, OUTPUTS)
    assert (quota(), quota_reconcile()) == ((0, 2), [])


def test_what_failed_again_is_retried_again_by_its_own_request(house: House) -> None:
    resource = house.ordered()
    first = fail(resource, LEFT, has_applied=True)
    second = body_of(retry(house, first))["id"]
    assert fail(resource, LEFT, has_applied=True) == second
    assert remedy_of(retry(house, first)) == f"Retry that one: POST /api/v1/requests/{second}/retry."
    assert body_of(retry(house, second))["operation"] == "update"
    carry_out(resource)
    assert (resource_of(shown(resource)).status, quota(), quota_reconcile()) == ("ready", (0, 2), [])


def test_a_version_and_a_plan_that_are_retired_meanwhile_are_retried_all_the_same(house: House) -> None:
    first = failed(house, plan="medium")
    resource = Resource.objects.select_related("offering_version").get(name="orders")
    version = resource.offering_version
    version_deprecate(version=version, caller=TESTS)
    plan_retire(plan=version.plans.get(slug="medium"), caller=TESTS)
    version_retire(version=version, caller=TESTS)
    found = refused(lambda: house.change("update", plan="medium"), 422, "request_refused")
    assert found == [("#/version", "version_retired")]
    body = body_of(retry(house, first))
    assert body["offering"] == {"slug": "postgres-database", "version": "1.0.0", "plan": "medium"}
    carry_out(resource)
    assert resource_of(house.orders).plan.slug == "medium"


def test_a_rotation_is_retried_as_one(house: House) -> None:
    first = failed(house, "rotate")
    body = body_of(retry(house, first))
    assert body["operation"] == "rotate"
    before = body_of(house.owner.client.get(f"/api/v1/resources/{house.orders}"))["credentials"]["number"]
    carry_out(resource_of(house.orders))
    after = body_of(house.owner.client.get(f"/api/v1/resources/{house.orders}"))["credentials"]["number"]
    assert after > before


def test_a_rotation_is_not_retried_by_who_may_not_have_the_credentials(house: House) -> None:
    first = failed(house, "rotate")
    refused(lambda: retry(house, first, by=house.people.teammate), 403, "role_missing")


def test_a_deprovision_is_retried_without_being_confirmed_again(house: House) -> None:
    first = failed(house, "deprovision", confirm="orders")
    body = body_of(retry(house, first))
    assert body["operation"] == "deprovision"
    assert resource_of(house.orders).desired == "absent"
    carry_out(resource_of(house.orders))
    assert (resource_of(house.orders).status, quota(), quota_reconcile()) == ("deprovisioned", (0, 0), [])


def test_a_deprovision_is_not_retried_of_what_is_protected_by_now(house: House) -> None:
    first = failed(house, "deprovision", confirm="orders")
    Resource.objects.filter(name="orders").update(delete_protected=True)
    refused(lambda: retry(house, first), 409, "delete_protected")


def test_what_was_canceled_is_retried(house: House) -> None:
    house.change("update", plan="medium")
    run = run_of(resource_of(house.orders))
    assert house.post(f"runs/{show(Prefix.RUN, run.pk)}/cancel").status_code == 202
    request = newest(resource_of(house.orders))
    failure = look(house, request)["failure"]
    assert failure["remedy"] == f"To retry it: POST /api/v1/requests/{request}/retry."
    assert body_of(retry(house, request))["offering"]["plan"] == "medium"


@pytest.mark.parametrize("is_held", [False, True])
def test_what_is_under_way_is_not_retried(house: House, is_held: bool) -> None:  # noqa: FBT001 - a parameter of the test
    house.change("update")
    if is_held:
        claim(resource_of(house.orders))
    request = newest(resource_of(house.orders))
    refused(lambda: retry(house, request), 409, "request_not_failed")
    assert f"GET /api/v1/requests/{request}" in remedy_of(retry(house, request))


def test_what_is_done_is_not_retried(house: House) -> None:
    request = newest(resource_of(house.orders))
    refused(lambda: retry(house, request), 409, "request_not_failed")
    assert remedy_of(retry(house, request)) == f"To change the resource: PATCH /api/v1/resources/{house.orders}."


@pytest.mark.parametrize("end", ["failed", "live", "completed"])
def test_what_a_later_request_has_overtaken_is_not_retried(house: House, end: str) -> None:
    first = failed(house, plan="medium")
    house.change("update", parameters={"connection_limit": 3})
    later = newest(resource_of(house.orders))
    if end == "failed":
        fail(resource_of(house.orders))
    elif end == "completed":
        carry_out(resource_of(house.orders))
    refused(lambda: retry(house, first), 409, "request_overtaken")
    ways = {
        "failed": f"Retry that one: POST /api/v1/requests/{later}/retry.",
        "live": f"See what comes of it: GET /api/v1/requests/{later}.",
        "completed": f"Ask for what you want now: PATCH /api/v1/resources/{house.orders}.",
    }
    assert remedy_of(retry(house, first)) == ways[end]


def test_what_has_left_nothing_is_ordered_again_and_not_retried(house: House) -> None:
    resource = house.ordered()
    request = fail(resource)
    refused(lambda: retry(house, request), 409, "already_final")
    assert "POST /api/v1/requests" in remedy_of(retry(house, request))
    assert look(house, request)["failure"]["remedy"] == "Mend it. To order it again: POST /api/v1/requests."
    assert house.order().status_code == 202


def verified(house: House) -> Run:
    """Have ``orders`` looked at."""
    ask = ProvisioningRequest.objects.filter(resource=resource_of(house.orders)).latest("generation")
    return run_insert(ask, operation=Operation.VERIFY, provisioning_request=None)


def test_what_a_run_works_on_is_not_retried(house: House) -> None:
    first = failed(house)
    run = verified(house)
    refused(lambda: retry(house, first), 409, "resource_busy")
    assert show(Prefix.RUN, run.pk) in body_of(retry(house, first))["detail"]


def test_a_deprovision_has_a_run_that_looks_make_way_when_it_is_retried_too(house: House) -> None:
    first = failed(house, "deprovision", confirm="orders")
    run = verified(house)
    assert body_of(retry(house, first))["run"]["status"] == "pending"
    run.refresh_from_db()
    assert run.status == "superseded"


def test_a_retry_needs_the_right_to_order(house: House) -> None:
    first = failed(house)
    refused(lambda: retry(house, first, by=house.people.viewer), 403, "role_missing")


@pytest.mark.parametrize("of", ["another team", "nobody", "another kind"])
def test_what_is_not_there_for_the_caller_is_not_found(house: House, of: str) -> None:
    first = failed(house)
    asked = {"another team": first, "nobody": f"{first[:-2]}00", "another kind": house.orders}[of]
    by = house.people.stranger if of == "another team" else house.owner
    refused(lambda: retry(house, asked, by=by), 404, "not_found")


def test_policies_judge_a_retry_anew(house: House, closed: Any) -> None:
    first = failed(house)
    closed()
    assert refused(lambda: retry(house, first), 422, "request_refused") == [("#", "policy_denied")]


def test_quotas_judge_a_retry_anew(house: House) -> None:
    first = failed(house, plan="medium")
    assert quota() == (0, 1)  # what it took is given back
    Quota.objects.filter(scope_name="project:checkout", kind="points").update(limit=2)
    found = refused(lambda: retry(house, first), 422, "request_refused")
    assert [code for _, code in found] == ["quota_exceeded"]


def test_nothing_is_retried_in_an_environment_that_has_expired_but_a_deprovision(house: House) -> None:
    other = house.ordered(name="other")
    carry_out(other)
    house.change("update", shown(other))
    update, deprovision = fail(other), failed(house, "deprovision", confirm="orders")
    Environment.objects.filter(pk=other.environment_id).update(expires_at=clock.now() - timedelta(seconds=1))
    refused(lambda: retry(house, update), 409, "environment_closing")
    assert "another environment" in remedy_of(retry(house, update))
    assert retry(house, deprovision).status_code == 202


def test_nothing_is_retried_in_an_environment_that_is_given_back_but_its_deprovisions(house: House) -> None:
    update = failed(house)
    address = "/api/v1/projects/checkout/environments/staging?confirm=staging"
    assert house.owner.client.delete(address).status_code == 202
    refused(lambda: retry(house, update), 409, "environment_closing")
    deprovision = fail(resource_of(house.orders))
    assert f"/{deprovision}/retry" in look(house, deprovision)["failure"]["remedy"]
    assert retry(house, deprovision).status_code == 202
    carry_out(resource_of(house.orders))
    assert Environment.objects.get(name="staging", project=house.people.checkout).closed_at is not None


def test_a_component_is_retried_with_what_was_wired_into_it(house: House, tmp_path: Path) -> None:
    trio.publish(tmp_path)
    environment = trio.ordered(house)
    trio.make(house, environment, "db")
    reports = trio.part(house, environment, "reports")
    wired = Run.objects.get(resource=reports).parameters
    trio.fail(reports, has_applied=True, objects_left=("fleet_postgres_role.this",))
    body = body_of(retry(house, newest(reports)))
    assert (body["operation"], body["parameters"]) == ("update", wired)
    carry_out(reports, port=60)
    assert trio.statuses(house, environment)["reports"] == "ready"
    assert quota_reconcile() == []


def test_a_retry_with_the_same_key_is_one_and_is_answered_alike(house: House) -> None:
    first = failed(house, plan="medium")
    answer, again = (retry(house, first, {"reason": "Again"}, key="once") for _ in range(2))
    assert (answer.status_code, again.status_code, again.content) == (202, 202, answer.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    carry_out(resource_of(house.orders))
    later = retry(house, first, {"reason": "Again"}, key="once")  # though there is nothing to retry any more
    assert (later.status_code, later.content) == (202, answer.content)
    assert resource_of(house.orders).generation == 3


def test_a_key_of_another_ask_is_refused(house: House) -> None:
    first = failed(house)
    assert retry(house, first, {"reason": "Again"}, key="once").status_code == 202
    refused(lambda: retry(house, first, {"reason": "Because"}, key="once"), 422, "idempotency_mismatch")
    second = fail(resource_of(house.orders))
    refused(lambda: retry(house, second, {"reason": "Again"}, key="once"), 422, "idempotency_mismatch")
    refused(lambda: house.change("update", key="once", reason="Again"), 422, "idempotency_mismatch")


def test_of_many_processes_that_retry_it_at_once_one_does(house: House) -> None:
    first = failed(house, plan="medium")
    calls = ["post"] * PROCESSES, repeat(house.owner.secret), [f"/api/v1/requests/{first}/retry"] * PROCESSES
    with processes(house) as pool:
        answers = list(pool.map(environment_process.call, *calls, repeat(None)))
    assert Counter(status for status, _ in answers) == {202: 1, 409: PROCESSES - 1}
    assert {code for status, code in answers if status == 409} == {"request_overtaken"}
    resource = resource_of(house.orders)
    assert resource.generation == 3
    assert Run.objects.filter(resource=resource, generation=3).count() == 1
    assert (quota(), quota_reconcile()) == ((2, 1), [])


def test_identical_retries_at_once_with_one_key_are_one(house: House) -> None:
    first = failed(house)
    answers = at_once(6, lambda _: retry(house, first, key="once"))
    assert [answer.status_code for answer in answers] == [202] * 6
    assert len({answer.content for answer in answers}) == 1
    assert resource_of(house.orders).generation == 3


def test_a_retry_may_meet_a_change_and_one_of_them_is_accepted(house: House) -> None:
    first = failed(house)

    def one(number: int) -> int:
        return (retry(house, first) if number else house.change("update")).status_code

    assert sorted(at_once(2, one)) == [202, 409]
    assert resource_of(house.orders).generation == 3


def test_a_failure_that_may_pass_says_where_to_retry_and_that_works(house: House) -> None:
    resource = house.ordered()
    Run.objects.filter(pk=run_of(resource).pk).update(attempt=MAX_ATTEMPTS - 1)
    run = run_of(resource)
    broken = Script(apply_ending=RunEnding.FAILED, apply_failure=DOWN, ends_after=1)
    run_carry_out(worker_make(broken), hint=run.pk)
    request = newest(resource)
    failure = look(house, request)["failure"]
    assert failure["repeatable"] is True
    way = f"To retry it, which takes over what exists: POST /api/v1/requests/{request}/retry."
    assert failure["remedy"] == f"{DOWN.remedy} {way}"
    told = body_of(house.owner.client.get(f"/api/v1/runs/{show(Prefix.RUN, run.pk)}"))
    assert (told["failure"]["remedy"], told["attempt"]) == (failure["remedy"], MAX_ATTEMPTS)
    verb, address = failure["remedy"].rsplit(": ", 1)[1].rstrip(".").split()
    assert getattr(house.owner.client, verb.lower())(address, {}, format="json").status_code == 202


def test_a_failure_that_stays_does_not_send_anybody_to_a_retry(house: House) -> None:
    resource = house.ordered()
    run_carry_out(worker_make(HALF_MADE), hint=run_of(resource).pk)
    failure = look(house, newest(resource))["failure"]
    assert (failure["repeatable"], failure["remedy"]) == (False, TAKEN.remedy)


def test_what_was_stopped_half_way_says_both_ways_out(house: House) -> None:
    house.change("update")
    request = fail(resource_of(house.orders), canceled(objects_left=("fleet_postgres_role.this",)), has_applied=True)
    way = f"To retry it, which takes over what exists: POST /api/v1/requests/{request}/retry."
    remedy = f"What is left goes with a deprovision of the resource. {way}"
    assert look(house, request)["failure"]["remedy"] == remedy


def test_what_is_stopped_for_a_deprovision_does_not_say_that_it_can_be_retried(house: House) -> None:
    house.change("update")
    claimed = claim(resource_of(house.orders))
    prepare(claimed)
    house.change("deprovision", confirm="orders")
    run_failed(claimed, canceled(), has_applied=False, is_canceled=True)
    stopped = ProvisioningRequest.objects.get(resource=resource_of(house.orders), generation=2)
    assert (stopped.failure or {})["remedy"] == "To order it again: POST /api/v1/requests."


def test_every_attempt_of_a_run_can_be_seen_over_the_api(house: House) -> None:
    resource = house.ordered()
    run, worker = run_of(resource), worker_make(Script(plan_ending=RunEnding.FAILED, plan_failure=DOWN), WELL)
    run_carry_out(worker, hint=run.pk)
    Run.objects.filter(pk=run.pk).update(not_before=clock.now())
    run_carry_out(worker, hint=run.pk)
    address = f"/api/v1/runs/{show(Prefix.RUN, run.pk)}"
    assert body_of(house.owner.client.get(address))["attempt"] == 2
    lines = [line["line"] for line in body_of(house.owner.client.get(f"{address}/log"))["lines"]]
    begun = [f"Attempt {number} of {MAX_ATTEMPTS} begins." for number in (1, 2)]
    assert [line for line in lines if line.startswith("Attempt")] == begun
    events = house.people.lead.client.get("/api/v1/audit-events", {"object": show(Prefix.RUN, run.pk), "limit": "100"})
    planned = [event["after"] for event in body_of(events)["results"] if event["action"] == "run.planning"]
    assert [each["attempt"] for each in planned] == [2, 1]
    assert planned[0]["epoch"] > planned[1]["epoch"]
    assert {each["worker"] for each in planned} == {worker.owner}
