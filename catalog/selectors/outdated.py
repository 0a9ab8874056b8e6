"""Versions that should not be ordered any more, and what is told of them wherever they are met."""

from dataclasses import dataclass
from datetime import datetime

from catalog.models import OfferingVersion


@dataclass(frozen=True, kw_only=True)
class Outdated:
    """A version whose time is over, or will be.

    Attributes:
        offering: Slug; the offering tells what to order instead.
        deprecated_at: Since when it is meant no more unless it is named.
        sunset_at: When it will be retired, or was to be, where that is known.
    """

    offering: str
    deprecated_at: datetime
    sunset_at: datetime | None


def outdated_of(version: OfferingVersion) -> Outdated | None:
    """Return what to tell of a version, deprecated or retired; None for one that is published.

    Args:
        version: With its offering loaded.
    """
    if version.deprecated_at is None:
        return None
    return Outdated(offering=version.offering.slug, deprecated_at=version.deprecated_at, sunset_at=version.sunset_at)
