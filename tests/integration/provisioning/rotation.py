"""Rotations as tests ask for them, and how one goes wrong."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from tests.integration.provisioning.house import (
    House,
    begin_apply,
    body_of,
    carry_out,
    claim,
    prepare,
    resource_of,
)
from tests.people import Person

BROKEN = RunFailure(code="broken", kind="permanent", detail="It broke.", remedy="Mend it.")
Ask = Callable[..., HttpResponse]


def short(house: House, resource: str | None = None, *, by: Person | None = None, **options: Any) -> HttpResponse:
    """Ask for one by the short form."""
    return house.post(f"resources/{resource or house.orders}/credentials/rotate", by=by, **options)


def long(house: House, resource: str | None = None, *, by: Person | None = None, **options: Any) -> HttpResponse:
    """Ask for one by a request."""
    return house.change("rotate", resource, by=by, **options)


def told(house: House, resource: str | None = None) -> dict[str, Any]:
    """Return what a resource's page tells of its credentials."""
    body = body_of(house.owner.client.get(f"/api/v1/resources/{resource or house.orders}"))
    credentials: dict[str, Any] = body["credentials"]
    return credentials


def rotated(house: House) -> None:
    """Rotate the credentials of ``orders``."""
    assert short(house).status_code == 202
    carry_out(resource_of(house.orders))


def broken_in_apply(house: House, resource: str | None = None) -> None:
    """Let the waiting run fail when its apply had begun."""
    claimed = claim(resource_of(resource or house.orders))
    prepare(claimed)
    begin_apply(claimed)
    run_failed(claimed, BROKEN, has_applied=True)
