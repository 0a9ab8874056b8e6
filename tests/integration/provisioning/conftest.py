from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from pytest_django import DjangoDbBlocker, Settings

from platform_api.core import waiting as listening
from platform_api.core.http import waiting
from platform_api.core.waiting import room
from tests import databases
from tests.integration.provisioning.house import House, furnish
from tests.integration.provisioning.waiters import Callers
from tests.integration.provisioning.world import World, undone
from tests.policies import PolicyHelper

FURNISHED = "slipway_test_furnished"
DENY = """
package provision.request.closed
import rego.v1
deny contains {"code": "closed", "msg": "Nothing is ordered today.", "path": [], "remedy": "Come back tomorrow."}
"""
CLOSED = """
id: closed
version: 1
policies:
  - id: closed
    title: Closed
    stage: request
    enforcement_level: hard-mandatory
    query: data.provision.request.closed.deny
"""


@pytest.fixture(autouse=True)
def _policies(policy_helper: PolicyHelper) -> None:
    """Every ask of these tests is judged by the shipped policies."""


@pytest.fixture(scope="session")
def furnished(
    django_db_setup: None,
    database_template: str,
    django_db_blocker: DjangoDbBlocker,
    shared_policy_helper: PolicyHelper,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """A database with people, catalog and connection, made once; each test gets a clone."""
    databases.clone(database_template, FURNISHED)
    before, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], FURNISHED
    with django_db_blocker.unblock(), override_settings(POLICY_SOCKET=shared_policy_helper.socket):
        connection.close()
        made = furnish(FURNISHED, tmp_path_factory.mktemp("modules"))
        connection.close()
    connection.settings_dict["NAME"] = before
    yield made
    databases.drop(FURNISHED)


@pytest.fixture
def house(furnished: House, django_db_blocker: DjangoDbBlocker) -> Iterator[House]:
    """A house of the test's own, in which everything commits."""
    with databases.committing(furnished.database, django_db_blocker) as name:
        yield replace(furnished, database=name)


@pytest.fixture(scope="module")
def standing_house(furnished: House, django_db_blocker: DjangoDbBlocker) -> Iterator[House]:
    """A house for a module whose tests each prove that they changed nothing."""
    with databases.committing(furnished.database, django_db_blocker) as name:
        yield replace(furnished, database=name)


@pytest.fixture
def borrowed_house(standing_house: House) -> Iterator[House]:
    """The module's house, and all that a test does in it is taken back; only its own connection sees that."""
    with undone():
        yield standing_house
        connection.check_constraints()  # as a commit would


@pytest.fixture(scope="module")
def world(furnished: House, django_db_blocker: DjangoDbBlocker, shared_policy_helper: PolicyHelper) -> Iterator[World]:
    """One world for a module whose tests take back what they change."""
    with (
        databases.committing(furnished.database, django_db_blocker) as name,
        override_settings(POLICY_SOCKET=shared_policy_helper.socket),
    ):
        yield World(replace(furnished, database=name))


@pytest.fixture
def callers() -> Callers:
    """Threads to wait in."""
    return Callers()


@pytest.fixture
def unaided(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who waits looks at nothing unasked, and no test hears what another said."""
    monkeypatch.setattr(waiting, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(listening, "_TURN_SECONDS", 0.05)  # how long it takes to stop
    yield
    room.close()


@pytest.fixture
def closed(tmp_path: Path, settings: Settings) -> Any:
    """Call it, and from then on the policies refuse everything."""
    folder = tmp_path / "policies"
    (folder / "request").mkdir(parents=True)
    (folder / "policy-set.yaml").write_text(CLOSED)
    (folder / "request" / "closed.rego").write_text(DENY)
    helper = PolicyHelper(tmp_path, folder).start()

    def close() -> None:
        settings.POLICY_SOCKET = helper.socket

    yield close
    helper.stop()
