"""The story page: everything about one request, on one page, escaped and bounded."""

import pytest
from django.test import Client

from platform_api.audit.models import AuditEvent
from platform_api.audit.services.events import event_record
from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from provisioning.models import LogLine, ProvisioningRequest
from provisioning.services.runs import run_cancel
from provisioning.states import Operation, RunStatus
from tests.factories import Orders, run_insert
from tests.integration.admin.site import Story, page_of, text_of
from tests.people import TESTS

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


def ask_of(run: object) -> ProvisioningRequest:
    ask: ProvisioningRequest | None = run.provisioning_request  # type: ignore[attr-defined]  # a run, of any kind
    assert ask is not None
    return ask


def request_page(client: Client, ask: ProvisioningRequest) -> str:
    answer = client.get(page_of("Requests", Prefix.PROVISIONING_REQUEST, ask.pk))
    assert answer.status_code == 200
    return answer.content.decode()


def read(client: Client, ask: ProvisioningRequest) -> str:
    return text_of(client.get(page_of("Requests", Prefix.PROVISIONING_REQUEST, ask.pk)))


def test_a_request_that_was_fulfilled_is_told_from_the_ask_to_the_end(auditor: Client, story: Story) -> None:
    told = read(auditor, ask_of(story.made))
    for part in (
        "Provision orders completed",
        "Resource orders",
        "By owner",
        "Why Own store for the orders service",
        "Ticket SHOP-142",
        "Team shop Project checkout Environment default",
        "Offering widget Version 1.0.0 Plan small Price 9.00 EUR a month Points 1",
        '"size": 3',
        "Policy decision: warn",
        "by policy set default version 3, in 2 ms. Digest sha256:abc",
        "monthly_cost advisory warn This is dear.",
        "project:checkout points 1 1 1000",
        "Approvals None needed.",
        f"Run {show(Prefix.RUN, story.made.pk)} applied",
        "Attempts 1 Progress 100 % (3 of 3)",
        "Cancel not asked for",
        "prepare done",
        "apply done",
        "3 to add, 0 to change, 0 to replace, 0 to destroy. Digest sha256:",
        "fleet_postgres_database.this create",
        "Attempt 1 of 3 begins.",
        "Plan: 3 to add",
        "run.planning succeeded",
        "run.applied succeeded",
        "resource.ready succeeded",
        "request.completed succeeded",
    ):
        assert part in told, part


def test_a_request_that_failed_tells_why_what_to_do_and_what_is_left(auditor: Client, story: Story) -> None:
    told = read(auditor, ask_of(story.failed))
    for part in (
        "Update orders failed",
        "Code name_taken Class user",
        "Ask for it under another name",
        "Resource usable no",
        "Objects left",
        f"Run {show(Prefix.RUN, story.failed.pk)} errored",
        "run.errored failed",
        "request.failed failed",
    ):
        assert part in told, part


def test_the_events_stand_in_the_order_in_which_they_happened(auditor: Client, story: Story) -> None:
    told = read(auditor, ask_of(story.made)).partition("Audit events When")[2]
    actions = ["run.planning", "run.planned", "run.confirmed", "run.applying", "run.applied", "request.completed"]
    places = [told.index(action) for action in actions]
    assert places == sorted(places)
    correlation_id = ask_of(story.made).correlation_id
    assert f"…{correlation_id[-8:]}" in told


def test_an_exchange_of_another_project_with_the_same_correlation_id_stays_out(auditor: Client, story: Story) -> None:
    ask = ask_of(story.made)
    event = event_record(caller=TESTS, action="spy.was_here", object_type="team", object_name="rivals")
    assert event.correlation_id == "tests"
    told = request_page(auditor, ask)
    assert "spy.was_here" not in told
    assert AuditEvent.objects.filter(correlation_id=ask.correlation_id, project_id=ask.project_id).exists()


def test_a_cancel_that_was_asked_for_is_told_with_its_reason(auditor: Client, orders: Orders) -> None:
    run = orders.provision()
    type(run).objects.filter(pk=run.pk).update(cancel_requested_at=clock.now(), cancel_reason="Not needed any more")
    told = read(auditor, ask_of(run))
    assert "Cancel asked for" in told
    assert "Why cancel Not needed any more" in told


def test_a_request_without_a_run_says_so(auditor: Client, story: Story, orders: Orders) -> None:
    ask = orders.deprovision_ask(story.resource)
    assert "Runs None." in read(auditor, ask)


def test_the_newest_500_lines_of_a_log_are_shown_and_the_earlier_ones_are_told(auditor: Client, orders: Orders) -> None:
    run = orders.provision()
    LogLine.objects.bulk_create(
        LogLine(run=run, sequence=number, at=clock.now(), source="terraform", line=f"line number {number}.")
        for number in range(1, 1301)
    )
    told = read(auditor, ask_of(run))
    assert "The newest 500 lines are shown; 800 more came before." in told
    assert "line number 800." not in told
    assert "line number 801." in told
    assert "line number 1300." in told


def test_only_the_newest_runs_are_told_and_that_there_are_more(auditor: Client, orders: Orders) -> None:
    run = orders.provision()
    ask = ask_of(run)
    type(run).objects.filter(pk=run.pk).update(status=RunStatus.CANCELED)
    for _ in range(11):
        other = run_insert(ask)
        type(run).objects.filter(pk=other.pk).update(status=RunStatus.CANCELED)
    page = request_page(auditor, ask)
    assert "The newest 10 runs are shown." in page
    assert show(Prefix.RUN, run.pk) not in page.partition("Audit events</h2>")[0]


def test_request_resource_environment_and_run_lead_to_each_other(auditor: Client, story: Story) -> None:
    ask, resource = ask_of(story.made), story.resource
    things = {
        "Requests": (Prefix.PROVISIONING_REQUEST, ask.pk),
        "Runs": (Prefix.RUN, story.made.pk),
        "Resources": (Prefix.RESOURCE, resource.pk),
        "Environments": (Prefix.ENVIRONMENT, resource.environment_id),
    }
    expected = {
        "Requests": {"Runs", "Resources", "Environments"},
        "Runs": {"Requests", "Resources"},
        "Resources": {"Requests", "Runs", "Environments"},
        "Environments": {"Resources"},
    }
    for plural, (prefix, key) in things.items():
        page = auditor.get(page_of(plural, prefix, key)).content.decode()
        for other in expected[plural]:
            assert f'href="/admin/id/{show(*things[other])}/"' in page, f"{plural} to {other}"


def test_hostile_words_are_shown_as_words(auditor: Client, orders: Orders) -> None:
    run = orders.provision()
    ask = ask_of(run)
    type(run).objects.filter(pk=run.pk).update(
        cancel_requested_at=clock.now(),
        cancel_reason=HOSTILE,
        failure={"code": HOSTILE, "class": HOSTILE, "detail": HOSTILE, "remedy": HOSTILE, "objects_left": [HOSTILE]},
        steps=[{"name": HOSTILE, "status": HOSTILE, "seconds": 1.0}],
        plan_summary={
            "add": 1,
            "change": 0,
            "replace": 0,
            "destroy": 0,
            "objects": [
                {
                    "address": HOSTILE,
                    "type": HOSTILE,
                    "action": HOSTILE,
                    "stateful": False,
                    "changes": [
                        {"path": HOSTILE, "before": HOSTILE, "after": 1, "sensitive": False, "known_after_apply": False}
                    ],
                }
            ],
            "drifted": [],
        },
    )
    ProvisioningRequest.objects.filter(pk=ask.pk).update(
        reason=HOSTILE, ticket=HOSTILE, requested_by_name=HOSTILE, parameters={HOSTILE: HOSTILE}
    )
    LogLine.objects.create(run=run, sequence=1, at=clock.now(), source="terraform", line=HOSTILE)
    event = event_record(
        caller=TESTS,
        action="a.b",
        object_type="run",
        object_id=run.pk,
        object_name=HOSTILE,
        after={HOSTILE: HOSTILE},
        reason=HOSTILE,
    )
    for page in (
        request_page(auditor, ask),
        auditor.get(page_of("Audit events", Prefix.AUDIT_EVENT, event.pk)).content.decode(),
        auditor.get("/admin/audit/auditevent/").content.decode(),
        auditor.get(f"/admin/audit/auditevent/?action={HOSTILE}").content.decode(),
    ):
        assert "<script>" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(" in page


def test_times_carry_the_word_utc(auditor: Client, story: Story) -> None:
    ask = ask_of(story.made)
    assert f"{ask.created_at:%Y-%m-%d %H:%M:%S} UTC" in read(auditor, ask)


def test_a_canceled_wait_is_told(auditor: Client, orders: Orders) -> None:
    run = orders.provision()
    run_cancel(run=show(Prefix.RUN, run.pk), reason="Not needed", caller=orders.people.owner.caller)
    assert ask_of(run).operation == Operation.PROVISION
    told = read(auditor, ask_of(run))
    assert "canceled" in told
    assert "run.canceled" in told
