"""Fixtures for all tests: the database as the service's own user sees it, and people with roles."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker, Settings

from tests import databases
from tests.people import People
from tests.policies import PolicyHelper

MAIN = "slipway_test"

# How long an example takes says more about the machine than about us; what a test finds counts, not when.
settings.register_profile("slipway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slipway")


@pytest.fixture(scope="session")
def database_template(django_db_blocker: DjangoDbBlocker) -> str:
    """Name of the migrated database that all others are cloned from; nobody is connected to it."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        connections["owner"].close()
        connection.close()
    return str(connection.settings_dict["NAME"])


@pytest.fixture(scope="session")
def django_db_setup(database_template: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Give pytest-django's rolled-back tests a database of their own."""
    databases.clone(database_template, MAIN)
    connection.settings_dict["NAME"] = MAIN
    yield
    with django_db_blocker.unblock():
        connection.close()
    databases.drop(MAIN)


@pytest.fixture
def committing_database(
    django_db_setup: None, database_template: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """Let a test commit: it gets a clone of its own, dropped afterwards.

    Django's way, a flush after the test, is not open to us: TRUNCATE is forbidden to the application's user, and the
    triggers are part of what is tested.
    """
    with databases.committing(database_template, django_db_blocker) as name:
        yield name


@pytest.fixture(scope="module")
def standing_database(
    django_db_setup: None, database_template: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[str]:
    """Let a module commit what it begins with; its tests each prove that they changed nothing, or take it back."""
    with databases.committing(database_template, django_db_blocker) as name:
        yield name


@pytest.fixture
def people(db: None) -> People:
    """People with roles, made when they are first named; rolled back with the test."""
    return People()


@pytest.fixture
def committed_people(committing_database: str) -> People:
    """People in a database of the test's own, whose rows other connections see."""
    return People()


@pytest.fixture(scope="session")
def shared_policy_helper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PolicyHelper]:
    """A helper with the shipped policies, started once; tests that harm theirs start one of their own."""
    folder: Path = tmp_path_factory.mktemp("policy")
    helper = PolicyHelper(folder).start()
    yield helper
    helper.stop()


@pytest.fixture
def policy_helper(shared_policy_helper: PolicyHelper, settings: Settings) -> PolicyHelper:
    """The shared helper, as the one that the service asks."""
    settings.POLICY_SOCKET = shared_policy_helper.socket
    return shared_policy_helper
