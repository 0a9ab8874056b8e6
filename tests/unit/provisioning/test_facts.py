from typing import Any

from catalog.models import OfferingVersion
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models import Project
from provisioning.models import Environment, Resource, Run
from provisioning.services.execution.credentials import RunCredentials
from provisioning.services.execution.facts import RunFacts, variables_make

PLATFORM = {
    "name": "physical_name",
    "managed_by": "resource_id",
    "project": "project",
    "environment": "environment",
    "tier": "tier",
}
CREDENTIALS = RunCredentials(verifiers={"scram-sha-256": "SCRAM-SHA-256$1"}, secrets=("the-password",))


def facts_make(*, parameters: dict[str, Any], platform: dict[str, str], verifiers: dict[str, str] | None) -> RunFacts:
    manifest = {
        "variables": {"platform": platform, "user": []},
        "credentials": None if verifiers is None else {"verifiers": verifiers},
    }
    resource = Resource(
        project=Project(slug="checkout"),
        environment=Environment(name="pr-7", tier="staging"),
        name="orders",
        physical_name="checkout_pr_7_orders_0a1b2c3d",
    )
    return RunFacts(
        run=Run(parameters=parameters),
        resource=resource,
        version=OfferingVersion(manifest=manifest),
        admin={"url": "postgresql://admin:the-admins-password@db.example.com/postgres"},
        prior_state=None,
    )


def test_terraform_gets_parameters_what_the_platform_knows_and_verifiers() -> None:
    facts = facts_make(
        parameters={"connection_limit": 20}, platform=PLATFORM, verifiers={"password_verifier": "scram-sha-256"}
    )
    assert variables_make(facts, CREDENTIALS) == {
        "connection_limit": 20,
        "name": "checkout_pr_7_orders_0a1b2c3d",
        "managed_by": show(Prefix.RESOURCE, facts.resource.pk),
        "project": "checkout",
        "environment": "pr-7",
        "tier": "staging",
        "password_verifier": "SCRAM-SHA-256$1",
    }


def test_what_the_platform_puts_in_wins_over_a_parameter_of_the_same_name() -> None:
    facts = facts_make(parameters={"name": "mine"}, platform={"name": "physical_name"}, verifiers=None)
    assert variables_make(facts, CREDENTIALS) == {"name": "checkout_pr_7_orders_0a1b2c3d"}


def test_an_offering_without_credentials_gets_no_verifier() -> None:
    facts = facts_make(parameters={}, platform={}, verifiers=None)
    assert variables_make(facts, CREDENTIALS) == {}


def test_facts_in_a_log_show_no_secret() -> None:
    facts = facts_make(parameters={}, platform={}, verifiers=None)
    assert "the-admins-password" not in repr(facts)
