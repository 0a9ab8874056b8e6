from collections.abc import Iterator

import pytest
from pytest_django import Settings

from platform_api.settings.components.ci import TrustedIssuer
from platform_api.tenancy.models import TrustRule, User
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.teams import role_grant
from platform_api.tenancy.services.users import user_create
from tests.integration.tenancy.issuer import AUDIENCE, Issuer, issuers_running
from tests.integration.tenancy.jobs import rule_make
from tests.people import TESTS, People


@pytest.fixture(scope="session")
def ci_systems() -> Iterator[dict[str, Issuer]]:
    """A GitHub and a GitLab on this machine, for all tests."""
    with issuers_running() as running:
        yield running


def trust(settings: Settings, issuers: dict[str, Issuer]) -> None:
    settings.CI_ISSUERS = {
        each.url: TrustedIssuer(url=each.url, kind=each.kind, audience=AUDIENCE) for each in issuers.values()
    }


@pytest.fixture
def github(ci_systems: dict[str, Issuer], settings: Settings) -> Issuer:
    """A GitHub whose tokens may be taken."""
    trust(settings, ci_systems)
    return ci_systems["github"]


@pytest.fixture
def gitlab(ci_systems: dict[str, Issuer], settings: Settings) -> Issuer:
    """A GitLab whose tokens may be taken."""
    trust(settings, ci_systems)
    return ci_systems["gitlab"]


@pytest.fixture
def fresh(settings: Settings) -> Iterator[Issuer]:
    """A GitHub whose keys no process has ever fetched."""
    with issuers_running() as running:
        trust(settings, running)
        yield running["github"]


@pytest.fixture
def service(people: People) -> User:
    """A service with roles in two teams; rules narrow it."""
    made = user_create(username="builds", kind=UserKind.SERVICE, caller=TESTS)
    role_grant(user=made, role=Role.DEVELOPER, on=people.shop, caller=TESTS)
    role_grant(user=made, role=Role.DEVELOPER, on=people.rivals, caller=TESTS)
    return made


@pytest.fixture
def trusted(github: Issuer, service: User, people: People) -> TrustRule:
    """The rule that a push to main of shop/orders is taken by."""
    return rule_make(github, service, project=people.checkout)
