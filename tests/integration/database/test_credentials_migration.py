"""What was kept of credentials moves into their table, and back, without a password that may log in being lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections

from platform_api.core.ids import Prefix, show
from platform_api.terraform.client import RunEnding
from platform_api.terraform.testing import TAKEN, Script
from provisioning.models import Credential, Resource, Run
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import LeaseTerms, run_claim
from provisioning.services.execution.credentials import credentials_ensure
from provisioning.services.resources import credentials_reveal
from tests.credentials import kept, stand
from tests.factories import OUTPUTS, Orders, run_of, worker_make
from tests.people import People

HALF = Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=1)
Column = tuple[bytes | None, datetime | None]


@pytest.fixture
def orders(committed_people: People, tmp_path: Path) -> Orders:
    return Orders(committed_people, tmp_path)


@contextmanager
def before_the_table(database: str) -> Iterator[None]:
    """Take the database back to where a resource's row held its credentials; forward again afterwards."""
    owner = connections["owner"]
    name, owner.settings_dict["NAME"] = owner.settings_dict["NAME"], database
    connection.close()
    try:
        call_command("migrate", "provisioning", "0002", verbosity=0)
        yield
        connection.close()
        call_command("migrate", "provisioning", verbosity=0)
    finally:
        owner.close()
        owner.settings_dict["NAME"] = name


def columns(resource: Resource) -> Column:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed_credentials, credentials_revealed_at FROM resource WHERE id = %s", [resource.pk])
        sealed, revealed_at = cursor.fetchone() or (None, None)
    return None if sealed is None else bytes(sealed), revealed_at


def made(orders: Orders, *scripts: Script) -> Resource:
    return carried(orders.provision(), *scripts)


def carried(run: Run, *scripts: Script) -> Resource:
    run_carry_out(worker_make(*(scripts or [Script(outputs=OUTPUTS)])), hint=run.pk)
    return run_of(run.pk).resource


def reveal(orders: Orders, resource: Resource) -> str:
    return credentials_reveal(caller=orders.people.owner.caller, resource=show(Prefix.RESOURCE, resource.pk)).password


def test_credentials_move_into_their_table_and_back(orders: Orders, committing_database: str) -> None:
    unseen, seen, rotated, torn, gone = (made(orders) for _ in range(5))
    half = made(orders, HALF)
    waiting = orders.provision().resource
    planning = orders.provision()
    claim = run_claim(owner="me", pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=planning.pk)
    assert claim is not None
    credentials_ensure(claim, manifest=orders.version.manifest)
    reveal(orders, seen)
    reveal(orders, gone)
    reveal(orders, rotated)
    carried(orders.rotate(rotated))
    reveal(orders, torn)
    carried(orders.rotate(torn), HALF)
    carried(orders.deprovision(gone))
    everyone = (unseen, seen, half, rotated, torn, gone, waiting, planning.resource)
    before = {resource.pk: kept(resource)[:1] for resource in everyone}
    revealed_at = Credential.objects.get(resource=seen).revealed_at

    with before_the_table(committing_database):
        assert columns(seen)[1] == revealed_at
        # Of the torn one the newest was taken: it is what the next run would put in place.
        assert {resource.pk for resource in everyone if columns(resource)[1]} == {seen.pk}
        assert {resource.pk for resource in everyone if columns(resource)[0] is None} == {gone.pk, waiting.pk}

    assert {resource.pk: kept(resource)[:1] for resource in everyone} == before
    assert [stand(resource) for resource in everyone] == [
        ["current"], ["current"], ["tried"], ["current"], ["current"], [], [], ["tried"],
    ]  # fmt: skip
    row, run = Credential.objects.get(resource=seen), Run.objects.get(resource=seen)
    assert (row.number, row.revealed_at, row.revealed_by_id) == (1, revealed_at, None)
    assert (row.made_at, row.applied_at) == (run.started_at, run.finished_at)


def test_of_what_is_gone_the_time_of_the_reveal_is_kept(orders: Orders, committing_database: str) -> None:
    gone = made(orders)
    with before_the_table(committing_database), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE resource SET credentials_revealed_at = now(), sealed_credentials = NULL, status = 'deprovisioned'"
            " WHERE id = %s",
            [gone.pk],
        )
    row = Credential.objects.get(resource=gone)
    assert (stand(gone), row.sealed) == (["discarded"], None)
    assert None not in {row.applied_at, row.revealed_at}
