from collections.abc import Iterator

import pytest
from pytest_django import Settings

from platform_api.settings.components.ci import TrustedIssuer
from tests.integration.tenancy.issuer import AUDIENCE, Issuer, issuers_running


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
