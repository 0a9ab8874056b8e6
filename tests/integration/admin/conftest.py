from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from governance.models import PolicyDecision, PolicyOutcome
from platform_api.terraform.client import RunEnding
from platform_api.terraform.testing import TAKEN, FakeTerraform, Script
from provisioning.models import ProvisioningRequest
from provisioning.services.execution.carrying import run_carry_out
from tests.factories import OUTPUTS, Orders, run_of, worker_make
from tests.integration.admin.site import Story, browser
from tests.people import People
from tests.trust import service, trust_rule

SEALED_INPUT = b"the-sealed-input-of-the-policies"


@pytest.fixture(autouse=True)
def _roomy_quotas(settings: LazySettings) -> None:
    settings.QUOTA_DEFAULTS = {scope: {"points": 1000, "count": 1000} for scope in settings.QUOTA_DEFAULTS}


@pytest.fixture
def orders(people: People, tmp_path: Path) -> Orders:
    """Ordered resources, rolled back with the test."""
    return Orders(people, tmp_path)


@pytest.fixture
def story(orders: Orders) -> Story:
    """A widget that was made by a worker, and a change of it that failed while it was applied."""
    worker = worker_make(
        client=FakeTerraform(
            Script(outputs=OUTPUTS, sensitive_outputs={"hint": "the-sensitive-output"}),
            Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN),
        )
    )
    made = orders.provision(name="orders")
    trust_rule(user=service(), project=orders.people.checkout)
    ask = made.provisioning_request
    assert ask is not None
    decision = PolicyDecision.objects.create(
        stage="request",
        set_id="default",
        set_version=3,
        set_digest="sha256:abc",
        subject_type="provisioning_request",
        subject_id=ask.pk,
        project_id=ask.project_id,
        outcome=PolicyOutcome.WARN,
        results=[{"id": "monthly_cost", "level": "advisory", "outcome": "warn", "detail": "This is dear."}],
        input_digest="sha256:def",
        input_sealed=SEALED_INPUT,
        milliseconds=1.5,
    )
    ProvisioningRequest.objects.filter(pk=ask.pk).update(
        reason="Own store for the orders service",
        ticket="SHOP-142",
        policy_decision_id=decision.pk,
        quota=[{"kind": "points", "scope": "project:checkout", "requested": 1, "used": 1, "limit": 1000}],
    )
    run_carry_out(worker, hint=made.pk)
    failed = orders.update(run_of(made.pk).resource)
    run_carry_out(worker, hint=failed.pk)
    return Story(made=run_of(made.pk), failed=run_of(failed.pk))


@pytest.fixture
def auditor(people: People) -> Client:
    """An auditor's browser."""
    return browser(people.auditor.user)


@pytest.fixture
def admin(people: People) -> Client:
    """A platform admin's browser."""
    return browser(people.admin.user)
