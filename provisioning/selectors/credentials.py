"""What is told of a resource's credentials: their numbers and times, and never a secret."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, F, OuterRef, Q, When
from django.db.models.functions import JSONObject

from platform_api.core.shapes import Shape
from provisioning.models import Credential

REPLACED_SHOWN = 10
"""Former credentials that are told of; all of them stand in the audit trail."""

CREDENTIALS_SHOWN = REPLACED_SHOWN + 2
"""Besides former ones, one may be in use and one pending."""


class PendingCredentialShape(Shape):
    """New credentials that a run is putting in place, or may have."""

    number: int
    made_at: datetime


class ReplacedCredentialShape(Shape):
    """Former credentials, which log in no more."""

    number: int
    made_at: datetime
    revealed_at: datetime | None
    replaced_at: datetime


class CredentialsShape(Shape):
    """Which credentials are in use, whether and to whom they were shown, and where they are."""

    number: int | None
    """1 for the first, one more after each rotation; null until the first are in place."""

    made_at: datetime | None
    revealed_at: datetime | None
    revealed_by: str | None
    pending: PendingCredentialShape | None
    """While a run puts new ones in place, and after one that did not end well; nothing can be revealed then."""

    url: str
    rotate_url: str
    replaced: list[ReplacedCredentialShape]
    """The newest first, ten at most."""


class ToldCredential(msgspec.Struct, frozen=True):
    """What is told of one; its columns."""

    number: int
    made_at: datetime
    applied_at: datetime | None
    replaced_at: datetime | None
    revealed_at: datetime | None
    revealed_by_name: str


def credentials_told() -> Case:
    """Return what is told of resources, the newest first: all but secrets and what was never in use.

    Null for a resource of an offering that hands out none.

    An annotation of a query of resources; ``credentials_shape`` reads it.
    """
    never_used = Q(applied_at=None, discarded_at__isnull=False)
    rows = Credential.objects.filter(resource=OuterRef("pk")).exclude(never_used).order_by("-number")
    columns = {name: F(name) for name in ToldCredential.__struct_fields__}
    told = ArraySubquery(rows.values(told=JSONObject(**columns))[:CREDENTIALS_SHOWN])
    return Case(When(offering_version__manifest__credentials=None, then=None), default=told)


def credentials_shape(told: Sequence[Any] | None, *, url: str) -> CredentialsShape | None:
    """Return a resource's credentials as callers see them.

    Args:
        told: What ``credentials_told`` told of the resource.
        url: Where they are revealed.
    """
    if told is None:
        return None
    credentials = msgspec.convert(told, list[ToldCredential])
    pending = next((each for each in credentials if each.applied_at is None), None)
    current = next((each for each in credentials if each.applied_at is not None and each.replaced_at is None), None)
    return CredentialsShape(
        number=None if current is None else current.number,
        made_at=None if current is None else current.made_at,
        revealed_at=None if current is None else current.revealed_at,
        revealed_by=None if current is None else current.revealed_by_name or None,
        pending=None if pending is None else PendingCredentialShape(number=pending.number, made_at=pending.made_at),
        url=url,
        rotate_url=f"{url}/rotate",
        replaced=[
            ReplacedCredentialShape(
                number=each.number,
                made_at=each.made_at,
                revealed_at=each.revealed_at,
                replaced_at=each.replaced_at,
            )
            for each in credentials
            if each.replaced_at is not None
        ][:REPLACED_SHOWN],
    )
