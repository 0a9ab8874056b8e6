"""A CI job's requests say for which job a service made them."""

import pytest

from platform_api.core import clock
from platform_api.tenancy.models.identities import CiIdentity, IssuerKind
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import ORDERING
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.teams import role_grant
from platform_api.tenancy.services.tokens import token_issue
from tests import trust
from tests.integration.provisioning.house import House, ask, body_of
from tests.people import TESTS, Person

JOB = "github:shop/orders@refs/heads/main (octocat)"
REQUESTER = {"kind": "service", "name": "builds", "on_behalf_of": JOB}


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


@pytest.fixture
def job(house: House) -> Person:
    """A CI job of project checkout, with its token."""
    service = trust.service()
    role_grant(user=service, role=Role.DEVELOPER, on=house.people.shop, caller=TESTS)
    rule = trust.trust_rule(user=service, project=house.people.checkout)
    identity = CiIdentity(
        issuer=rule.issuer,
        kind=IssuerKind.GITHUB,
        repository_id=rule.repository_id,
        repository="shop/orders",
        ref="refs/heads/main",
        is_ref_protected=False,
        event="push",
        environment=None,
        run_id="1",
        actor="octocat",
        use_key="0" * 64,
        expires_at=clock.now(),
    )
    issued = token_issue(
        user=service,
        name="job",
        kind=TokenKind.CI,
        caller=TESTS,
        scopes=ORDERING,
        project=house.people.checkout,
        trust_rule=rule,
        identity=identity,
    )
    return Person(service, issued.secret)


def test_an_order_and_a_change_say_for_which_job_they_were_made(house: House, job: Person) -> None:
    change = {"operation": "update", "resource": house.orders, "parameters": {"connection_limit": 11}}
    orders = (house.post("requests", ask(), by=job), house.post("requests", change, by=job))
    for answer in orders:
        assert answer.status_code == 202, answer.content
        body = body_of(answer)
        assert body["requested_by"] == REQUESTER
        assert job.client.get(answer.headers["Location"]).json()["requested_by"] == REQUESTER


def test_what_people_order_is_on_behalf_of_nobody(house: House) -> None:
    answer = house.post("requests", ask())
    shown = house.owner.client.get(answer.headers["Location"]).json()
    assert body_of(answer)["requested_by"] == shown["requested_by"]
    assert shown["requested_by"]["on_behalf_of"] is None
