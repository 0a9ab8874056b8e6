"""Versions are published: what a checkout offers becomes rows that never change."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from catalog.manifest.checks import plan_given, plan_limits
from catalog.manifest.packing import module_digest
from catalog.manifest.reading import Candidate
from catalog.models import Offering, OfferingVersion, Plan
from catalog.schema.variables import Variable
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError


class VersionTakenError(ConflictError):
    """The number stands for something else already."""

    code = "version_taken"
    title = "This version is published with other content"
    remedy = "Raise the version in offering.yaml; what is published never changes."


class KindChangedError(ConflictError):
    """An offering keeps its kind, because policies and quotas go by it."""

    code = "offering_kind_changed"
    title = "An offering keeps its kind"
    remedy = "Publish it under another slug, or keep the kind."


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What came of publishing.

    Attributes:
        version: The version, as it stands now.
        is_new: False where it had been published before, with the same content.
    """

    version: OfferingVersion
    is_new: bool


def version_publish(*, candidate: Candidate, caller: Caller) -> Publication:
    """Publish a version with its plans, or find that it is published already.

    Args:
        candidate: What was read and found sound.
        caller: Who publishes; their name stays at the version.

    Raises:
        VersionTakenError: The number is published with another module, manifest or plan.
        KindChangedError: The offering is of another kind.
    """
    manifest = candidate.manifest
    number, digest = manifest["version"], module_digest(candidate.module)
    with transaction.atomic():
        offering, _ = Offering.objects.get_or_create(slug=manifest["slug"], defaults={"kind": manifest["kind"]})
        # Two publishers of one offering take turns from here on.
        offering = Offering.objects.select_for_update().get(pk=offering.pk)
        if offering.kind != manifest["kind"]:
            msg = f"{offering.slug} is a {offering.kind} and cannot become a {manifest['kind']}."
            raise KindChangedError(msg)
        present = OfferingVersion.objects.filter(offering=offering, version=number).first()
        if present is not None:
            _require_same(present, manifest=manifest, digest=digest)
            return Publication(version=present, is_new=False)
        version = OfferingVersion.objects.create(
            offering=offering,
            version=number,
            digest=digest,
            module=candidate.module,
            manifest=manifest,
            parameters_schema=candidate.parameters_schema,
            variables=[_described(variable, manifest) for variable in candidate.interface.variables.values()],
            outputs=_outputs(candidate),
            connection_kind=manifest["connection_kind"],
            published_by=caller.name,
        )
        Plan.objects.bulk_create(_plan(version, plan) for plan in manifest["plans"])
        event_record(
            caller=caller,
            action="offering_version.published",
            object_type="offering_version",
            object_id=version.pk,
            object_name=f"{offering.slug} {number}",
            after={"digest": digest, "plans": [plan["slug"] for plan in manifest["plans"]]},
        )
    return Publication(version=version, is_new=True)


def _require_same(present: OfferingVersion, *, manifest: dict[str, Any], digest: str) -> None:
    changed = [
        what
        for what, is_same in (("module", present.digest == digest), ("offering.yaml", present.manifest == manifest))
        if not is_same
    ]
    if changed:
        msg = f"Version {present.version} of {manifest['slug']} is published, and its {' and '.join(changed)} differ."
        raise VersionTakenError(msg)


def _described(variable: Variable, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a variable; the default of a secret one is not."""
    is_secret = variable.is_sensitive or variable.is_ephemeral
    return {
        "name": variable.name,
        "type": variable.type_text,
        "description": variable.description,
        "is_required": not variable.has_default,
        "default": None if is_secret else variable.default,
        "is_sensitive": variable.is_sensitive,
        "is_ephemeral": variable.is_ephemeral,
        "set_by": "user" if variable.name in manifest["variables"]["user"] else "platform",
    }


def _outputs(candidate: Candidate) -> list[dict[str, Any]]:
    """Return the outputs that leave the platform; the others are kept inside."""
    manifest, declared = candidate.manifest["outputs"], candidate.interface.outputs
    return [
        {"name": name, "description": declared[name].description, "sensitive": name in manifest["sensitive"]}
        for name in (*manifest["shown"], *manifest["sensitive"])
    ]


def _plan(version: OfferingVersion, plan: dict[str, Any]) -> Plan:
    return Plan(
        version=version,
        slug=plan["slug"],
        title=plan["title"],
        description=plan["description"],
        monthly_amount=Decimal(plan["monthly_price"]["amount"]),
        currency=plan["monthly_price"]["currency"],
        quota_points=plan["quota_points"],
        parameters=plan_given(plan),
        limits=plan_limits(plan),
    )
