"""Versions and plans are put out of use; what was ordered with them lives on."""

from datetime import datetime

from django.db import transaction

from catalog.models import OfferingVersion, Plan
from catalog.models.offerings import Availability, VersionStatus
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller


def version_deprecate(*, version: OfferingVersion, caller: Caller, sunset_at: datetime | None = None) -> None:
    """Keep a version from being the one that is meant when none is named; doing it twice changes nothing.

    Args:
        version: A published version.
        caller: Who does it.
        sunset_at: When it will be retired, where that is known.
    """
    published = OfferingVersion.objects.filter(pk=version.pk, status=VersionStatus.PUBLISHED)
    with transaction.atomic():
        if published.update(status=VersionStatus.DEPRECATED, sunset_at=sunset_at):
            _record(version, "deprecated", caller=caller, sunset_at=sunset_at)


def version_retire(*, version: OfferingVersion, caller: Caller) -> None:
    """Let nobody order a version any more; doing it twice changes nothing."""
    standing = OfferingVersion.objects.filter(pk=version.pk).exclude(status=VersionStatus.RETIRED)
    with transaction.atomic():
        if standing.update(status=VersionStatus.RETIRED):
            _record(version, "retired", caller=caller, sunset_at=version.sunset_at)


def plan_retire(*, plan: Plan, caller: Caller) -> None:
    """Let nobody order a plan any more; doing it twice changes nothing."""
    with transaction.atomic():
        if Plan.objects.filter(pk=plan.pk, status=Availability.ACTIVE).update(status=Availability.RETIRED):
            event_record(
                caller=caller,
                action="plan.retired",
                object_type="plan",
                object_id=plan.pk,
                object_name=f"{plan.version.offering.slug} {plan.version.version} {plan.slug}",
            )


def _record(version: OfferingVersion, verb: str, *, caller: Caller, sunset_at: datetime | None) -> None:
    event_record(
        caller=caller,
        action=f"offering_version.{verb}",
        object_type="offering_version",
        object_id=version.pk,
        object_name=f"{version.offering.slug} {version.version}",
        after={"status": verb, "sunset_at": sunset_at.isoformat() if sunset_at else None},
    )
