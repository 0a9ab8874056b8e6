"""The one hand-written statement of the ordering path, held against the models that it writes."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

from governance.models import PolicyDecision, QuotaEntry
from governance.services.quotas import quota_reserve_together
from platform_api.audit.models import AuditEvent
from platform_api.audit.services.events import event_record
from platform_api.core import correlation
from platform_api.core.ids import Prefix, show
from platform_api.idempotency.models import IdempotencyKey
from platform_api.idempotency.services.keys import OrderKey, StoredAnswer, answer_keep
from provisioning.models import ProvisioningRequest, Resource, Run
from provisioning.selectors.quotas import project_facts
from provisioning.services.ordering.provisioning import SUBMIT
from tests.integration.provisioning.house import House, body_of

INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]*)\)")
MODELS: dict[str, type[Model]] = {model._meta.db_table: model for model in apps.get_models()}


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


class Seen:
    """What was sent to the database with the statement, and the answer to the call."""

    def __init__(self) -> None:
        self.parameters: list[dict[str, Any]] = []

    def __call__(self, execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:
        if sql == SUBMIT:
            self.parameters.append(parameters)
        return execute(sql, parameters, many, context)


@pytest.fixture
def seen() -> Iterator[Seen]:
    seen = Seen()
    with connection.execute_wrapper(seen):
        yield seen


@pytest.fixture
def sent(house: House, seen: Seen) -> dict[str, Any]:
    """The parameters of one accepted order."""
    assert house.order(key="one").status_code == 202
    (parameters,) = seen.parameters
    return parameters


def columns(row: Model, *, but: frozenset[str] = frozenset()) -> dict[str, Any]:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in values.items()
        if name not in but
    }


def test_it_is_given_exactly_the_parameters_that_it_names(sent: dict[str, Any]) -> None:
    assert set(re.findall(r"%\((\w+)\)s", SUBMIT)) == set(sent)


@pytest.mark.parametrize(("table", "named"), INSERT.findall(SUBMIT), ids=[table for table, _ in INSERT.findall(SUBMIT)])
def test_it_names_every_column_that_must_not_be_null(table: str, named: str) -> None:
    written = {name.strip() for name in named.split(",")}
    fields = MODELS[table]._meta.concrete_fields
    assert written <= {field.column for field in fields}
    needed = {field.column for field in fields if not field.null and not field.has_db_default()}
    assert needed <= written


def test_it_writes_to_all_tables_of_an_order() -> None:
    assert [table for table, _ in INSERT.findall(SUBMIT)] == [
        "idempotency_key", "resource", "provisioning_request", "run", "quota_entry", "policy_decision", "audit_event",
    ]  # fmt: skip


def test_the_resource_is_the_one_that_the_orm_would_write(house: House, sent: dict[str, Any]) -> None:
    stored = Resource.objects.get(pk=sent["resource_id"])
    expected = Resource(
        id=sent["resource_id"],
        project=house.people.checkout,
        environment_id=sent["environment_id"],
        offering_version_id=sent["offering_version_id"],
        plan_id=sent["plan_id"],
        connection_id=sent["connection_id"],
        name="invoices",
        kind="database",
        physical_name=sent["physical_name"],
        status="pending",
        desired="present",
        parameters={"connection_limit": 10, "statement_timeout_seconds": 60},
        created_by_id=house.owner.user.pk,
        created_by_name="owner",
        created_at=sent["at"],
        updated_at=sent["at"],
    )
    assert columns(stored) == columns(expected)
    assert stored.physical_name.startswith("checkout_staging_invoices_")


def test_the_request_is_the_one_that_the_orm_would_write(house: House, sent: dict[str, Any]) -> None:
    stored = ProvisioningRequest.objects.get(pk=sent["request_id"])
    body = body_of(house.owner.client.get(sent["location"]))
    expected = ProvisioningRequest(
        id=sent["request_id"],
        operation="provision",
        status="fulfilling",
        project=house.people.checkout,
        environment_id=sent["environment_id"],
        resource_id=sent["resource_id"],
        generation=1,
        offering_version_id=sent["offering_version_id"],
        plan_id=sent["plan_id"],
        parameters={"connection_limit": 10, "statement_timeout_seconds": 60},
        reason="Own store for the invoices service",
        ticket="SHOP-142",
        requested_by_id=house.owner.user.pk,
        requested_by_name="owner",
        requested_by_kind="human",
        quota=body["quota"],
        decisions=body["decisions"],
        policy_decision_id=sent["policy_decision_id"],
        correlation_id=sent["correlation_id"],
        traceparent=sent["traceparent"],
        created_at=sent["at"],
    )
    assert columns(stored) == columns(expected)
    assert len(stored.quota) == 4


def test_the_run_is_the_one_that_the_orm_would_write(house: House, sent: dict[str, Any]) -> None:
    stored = Run.objects.get(pk=sent["run_id"])
    expected = Run(
        id=sent["run_id"],
        resource_id=sent["resource_id"],
        provisioning_request_id=sent["request_id"],
        project=house.people.checkout,
        operation="provision",
        status="pending",
        generation=1,
        offering_version_id=sent["offering_version_id"],
        plan_id=sent["plan_id"],
        parameters={"connection_limit": 10, "statement_timeout_seconds": 60},
        correlation_id=sent["correlation_id"],
        traceparent=sent["traceparent"],
        not_before=stored.created_at,
        created_at=stored.created_at,
    )
    assert columns(stored) == columns(expected)


def test_the_ledger_entries_are_those_that_a_reservation_by_the_orm_makes(house: House, sent: dict[str, Any]) -> None:
    other = sent["run_id"]  # any id that holds nothing yet
    quota_reserve_together(
        facts=project_facts(house.people.checkout),
        amounts={other: {"points": sent["points"], "count:database": 1}},
        caller=house.owner.caller,
        reason="provision",
    )
    own = frozenset({"id", "subject_id", "at", "reserved_after"})

    def entries(subject: UUID) -> list[dict[str, Any]]:
        return [columns(row, but=own) for row in QuotaEntry.objects.filter(subject_id=subject).order_by("quota")]

    assert entries(sent["resource_id"]) == entries(other)
    after = dict.fromkeys((1, 2), 0)
    for row in QuotaEntry.objects.filter(subject_id__in=[sent["resource_id"], other]):
        after[row.reserved_after] += 1
    assert after == {1: 4, 2: 4}


def test_the_decision_is_the_one_that_the_orm_would_write(house: House, sent: dict[str, Any]) -> None:
    stored = PolicyDecision.objects.get(pk=sent["policy_decision_id"])
    expected = PolicyDecision(
        id=stored.pk,
        at=stored.at,
        stage="request",
        set_id="default",
        set_version=1,
        set_digest=sent["set_digest"],
        subject_type="provisioning_request",
        subject_id=sent["request_id"],
        project_id=house.people.checkout.pk,
        outcome="allow",
        results=stored.results,
        input_digest=sent["input_digest"],
        input_sealed=sent["input_sealed"],
        milliseconds=sent["milliseconds"],
    )
    assert columns(stored) == columns(expected)
    assert [result["outcome"] for result in stored.results] == ["allow"] * 7


def test_the_kept_answer_is_the_one_that_the_orm_would_write(house: House, sent: dict[str, Any]) -> None:
    kept = IdempotencyKey.objects.get(key="one")
    other = OrderKey(caller_id=sent["caller_id"], key="other", fingerprint=sent["fingerprint"])
    answer_keep(other, StoredAnswer(status=202, location=sent["location"], body=kept.answer.encode()))
    own = frozenset({"key", "created_at"})
    assert columns(kept, but=own) == columns(IdempotencyKey.objects.get(key="other"), but=own)


def test_the_event_is_the_one_that_the_orm_would_write(house: House, sent: dict[str, Any]) -> None:
    stored = AuditEvent.objects.get(pk=sent["event_id"])
    body = body_of(house.owner.client.get(sent["location"]))
    caller = house.owner.caller
    with correlation.bound(sent["correlation_id"], traceparent=sent["traceparent"]):
        written = event_record(
            caller=caller,
            action="request.submitted",
            object_type="provisioning_request",
            object_id=sent["request_id"],
            object_name="provision invoices",
            team_id=house.people.shop.pk,
            project_id=house.people.checkout.pk,
            after={
                "operation": "provision",
                "offering": "postgres-database",
                "version": "1.0.0",
                "plan": "small",
                "environment": "staging",
                "resource": body["resource"]["id"],
                "run": body["run"]["id"],
                "parameters": body["parameters"],
                "ticket": "SHOP-142",
                "quota": body["quota"],
            },
            reason="Own store for the invoices service",
            policy_decision={
                "decision": show(Prefix.POLICY_DECISION, sent["policy_decision_id"]),
                "set": "default@1",
                "outcome": "allow",
                "objections": [],
            },
        )
    own = frozenset({"id", "at", "xid", "correlation_id"})
    assert columns(stored, but=own) == columns(AuditEvent.objects.get(pk=written.pk), but=own)
    assert stored.correlation_id == sent["correlation_id"] != ""
