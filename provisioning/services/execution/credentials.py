"""Passwords are made here, kept sealed until their owner has seen them once, and reach Terraform only as verifiers.

One rule holds them together: whatever an apply may have put in place is kept until a later run is known to have put
itself in place. So no password is ever active that nobody can be shown.

=================================  =====================================================================================
a run                              what becomes of credentials, in the same transaction
=================================  =====================================================================================
begins; one is pending             it rolls forward: the pending one's verifiers reach Terraform, whatever it is for
begins a rotation, or none is kept a new one is made, pending
begins its apply                   the pending one is marked as tried
did what it was for                the pending one is current, the former one replaced and wiped
did not                            the pending one stays if it was tried, else it is discarded and wiped
took the resource down             all are discarded and wiped
=================================  =====================================================================================
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from platform_api.audit.services.events import event_record
from platform_api.core import sealing
from platform_api.core.callers import Caller
from platform_api.core.credentials import password_make, scram_sha_256_verifier, sha256_verifier
from provisioning.models import Credential, Resource
from provisioning.models.credentials import CURRENT, KEPT, PENDING
from provisioning.services.execution.claims import Claim, ClockTimestamp, run_write
from provisioning.states import Operation

VERIFIERS: Mapping[str, Callable[[str], str]] = {
    "scram-sha-256": scram_sha_256_verifier,
    "sha256": sha256_verifier,
}
"""How each form of verifier is made of a password; the words are those of ``offering.yaml``."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What is sealed of one credential.

    Attributes:
        password: In clear, until it was shown; None afterwards.
        verifiers: Text by form. Kept, because a new one would differ (it is salted) and be a change to Terraform.
    """

    password: str | None = field(default=None, repr=False)
    verifiers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line may show."""
        return (*([self.password] if self.password else []), *self.verifiers.values())

    def sealed(self, credential: Credential) -> bytes:
        """Return them sealed for a row."""
        content = {"password": self.password, "verifiers": dict(self.verifiers)}
        return sealing.seal_json(content, place=credential.place)

    @classmethod
    def of(cls, credential: Credential) -> "Credentials":
        """Open what a row keeps; nothing where it is over."""
        if credential.sealed is None:
            return cls()
        content: Any = sealing.unseal_json(bytes(credential.sealed), place=credential.place)
        return cls(password=content["password"], verifiers=content["verifiers"])


@dataclass(frozen=True, kw_only=True)
class RunCredentials:
    """What one run needs of a resource's credentials.

    Attributes:
        verifiers: Text by form: what Terraform puts in place. Empty where the offering hands out none.
        secrets: Passwords and verifiers of all that are kept, those that are to be replaced too: no log line may
            show them.
    """

    verifiers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def credentials_make(forms: Mapping[str, str]) -> Credentials:
    """Make a password and its verifiers.

    Args:
        forms: Form of verifier by variable, from the manifest.
    """
    password = password_make()
    return Credentials(password=password, verifiers={form: VERIFIERS[form](password) for form in set(forms.values())})


def credentials_ensure(claim: Claim, *, manifest: Mapping[str, Any]) -> RunCredentials:
    """Return what a run puts in place, made and kept before Terraform first hears of it.

    A worker that dies after Terraform has used a verifier must not leave behind one whose password nobody knows.

    Args:
        claim: The run. A rotation makes a new password unless one is pending already: then it finishes that one.
        manifest: Of the version that the run is pinned to.

    Raises:
        LeaseLostError: Another worker has taken over; nothing was kept.
    """
    kept = list(Credential.objects.filter(KEPT, resource_id=claim.resource_id).order_by("-number"))
    offered = manifest["credentials"]
    is_due = not kept or (claim.operation == Operation.ROTATE and kept[0].applied_at is not None)
    if offered is not None and is_due:
        kept.insert(0, _keep_new(claim, credentials_make(offered["verifiers"])))
    opened = [Credentials.of(credential) for credential in kept]
    return RunCredentials(
        verifiers=opened[0].verifiers if opened else {},
        secrets=tuple(secret for credentials in opened for secret in credentials.secrets),
    )


def credentials_unkept(*, manifest: Mapping[str, Any]) -> RunCredentials:
    """Return such as nobody will ever use: for a resource that is gone, what a late worker made of it is taken down.

    Args:
        manifest: Of the version that the run is pinned to.
    """
    offered = manifest["credentials"]
    if offered is None:
        return RunCredentials()
    made = credentials_make(offered["verifiers"])
    return RunCredentials(verifiers=made.verifiers, secrets=made.secrets)


def _keep_new(claim: Claim, made: Credentials) -> Credential:
    with transaction.atomic():
        run_write(claim, epoch=claim.epoch)  # the fence: changes nothing, stops an overtaken worker
        numbers = Credential.objects.filter(resource_id=claim.resource_id).aggregate(last=Max("number"))
        credential = Credential(resource_id=claim.resource_id, number=(numbers["last"] or 0) + 1)
        credential.sealed, credential.made_at = made.sealed(credential), ClockTimestamp()
        credential.save(force_insert=True)
    return credential


def credentials_try(claim: Claim) -> None:
    """Mark the pending one, before an apply that may put it in place.

    Raises:
        LeaseLostError: Another worker has taken over; nothing was written.
    """
    with transaction.atomic(savepoint=False):
        run_write(claim, epoch=claim.epoch)  # the fence, as above
        Credential.objects.filter(PENDING, resource_id=claim.resource_id, tried_at=None).update(
            tried_at=ClockTimestamp()
        )


def credentials_apply(caller: Caller, resource: Resource) -> None:
    """Make the pending one current, in the transaction that ends the run which put it in place.

    Args:
        caller: The worker.
        resource: Locked, with its project loaded.
    """
    of_resource = Credential.objects.filter(resource=resource)
    kept = of_resource.filter(KEPT).only("number", "applied_at")
    new = next((each for each in kept if each.applied_at is None), None)
    former = next((each for each in kept if each.applied_at is not None), None)
    if new is None:
        return
    if former is not None:
        of_resource.filter(CURRENT).update(replaced_at=ClockTimestamp(), sealed=None)
    of_resource.filter(PENDING).update(applied_at=ClockTimestamp())
    if former is not None:
        event_record(
            caller=caller,
            action="credentials.rotated",
            object_type="resource",
            object_id=resource.pk,
            object_name=resource.name,
            team_id=resource.project.team_id,
            project_id=resource.project_id,
            before={"number": former.number},
            after={"number": new.number},
        )


def credentials_discard(resource_id: UUID) -> None:
    """Give the pending one up, in the transaction that ends its run; one that an apply may have put in place stays."""
    Credential.objects.filter(PENDING, resource_id=resource_id, tried_at=None).update(
        discarded_at=ClockTimestamp(), sealed=None
    )


def credentials_end(resource_id: UUID) -> None:
    """Wipe all that is kept, in the transaction that lets the resource go."""
    Credential.objects.filter(KEPT, resource_id=resource_id).update(discarded_at=ClockTimestamp(), sealed=None)
