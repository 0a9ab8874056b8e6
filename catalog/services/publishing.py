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


PARTS = {"plans": "slug", "components": "name"}
"""Lists of a manifest that the audit trail names the members of, and what they are called by."""


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
    with transaction.atomic():
        offering, present = offering_take(manifest=manifest, packed=candidate.module)
        if present is not None:
            return Publication(version=present, is_new=False)
        version = version_write(
            offering=offering,
            manifest=manifest,
            packed=candidate.module,
            caller=caller,
            parameters_schema=candidate.parameters_schema,
            variables=[_described(variable, manifest) for variable in candidate.interface.variables.values()],
            outputs=_outputs(candidate),
            connection_kind=manifest["connection_kind"],
        )
        Plan.objects.bulk_create(_plan(version, plan) for plan in manifest["plans"])
    return Publication(version=version, is_new=True)


def offering_take(*, manifest: dict[str, Any], packed: bytes) -> tuple[Offering, OfferingVersion | None]:
    """Return the offering of a manifest, locked until the transaction ends, and the version if it is published.

    Args:
        manifest: What would be published.
        packed: What goes with it.

    Raises:
        VersionTakenError: The number is published with other content.
        KindChangedError: The offering is of another kind.
    """
    offering, _ = Offering.objects.get_or_create(slug=manifest["slug"], defaults={"kind": manifest["kind"]})
    # Two publishers of one offering take turns from here on.
    offering = Offering.objects.select_for_update().get(pk=offering.pk)
    if offering.kind != manifest["kind"]:
        msg = f"{offering.slug} is a {offering.kind} and cannot become a {manifest['kind']}."
        raise KindChangedError(msg)
    present = OfferingVersion.objects.filter(offering=offering, version=manifest["version"]).first()
    if present is not None:
        _require_same(present, manifest=manifest, digest=module_digest(packed))
    return offering, present


def version_write(
    *, offering: Offering, manifest: dict[str, Any], packed: bytes, caller: Caller, **columns: Any
) -> OfferingVersion:
    """Write the row of a new version, and the audit trail.

    Args:
        offering: Whose version it is; taken.
        manifest: What is published.
        packed: What goes with it.
        caller: Who publishes.
        columns: What the form of the manifest makes of it.
    """
    version = OfferingVersion.objects.create(
        offering=offering,
        version=manifest["version"],
        digest=module_digest(packed),
        module=packed,
        manifest=manifest,
        published_by=caller.name,
        **columns,
    )
    parts = {name: [part[key] for part in manifest[name]] for name, key in PARTS.items() if name in manifest}
    event_record(
        caller=caller,
        action="offering_version.published",
        object_type="offering_version",
        object_id=version.pk,
        object_name=f"{offering.slug} {version.version}",
        after={"digest": version.digest, **parts},
    )
    return version


def _require_same(present: OfferingVersion, *, manifest: dict[str, Any], digest: str) -> None:
    # A composed offering's one file is its manifest: that differing is told once.
    is_same_module = present.is_composed or present.digest == digest
    changed = [
        what
        for what, is_same in (("module", is_same_module), ("offering.yaml", present.manifest == manifest))
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
