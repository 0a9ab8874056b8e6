"""Passwords are made here, kept sealed until their owner has seen them once, and reach Terraform only as verifiers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from platform_api.core import sealing
from platform_api.core.credentials import password_make, scram_sha_256_verifier, sha256_verifier
from provisioning.models import Resource, Run
from provisioning.services.execution.claims import Claim, LeaseLostError, fenced

VERIFIERS: Mapping[str, Callable[[str], str]] = {
    "scram-sha-256": scram_sha_256_verifier,
    "sha256": sha256_verifier,
}
"""How each form of verifier is made of a password; the words are those of ``offering.yaml``."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A resource's credentials as they are kept.

    Attributes:
        password: In clear, until it was shown; None afterwards, and where the offering has none.
        verifiers: Text by form. Kept, because a new one would differ (it is salted) and be a change to Terraform.
    """

    password: str | None = field(default=None, repr=False)
    verifiers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log line may show."""
        return (*([self.password] if self.password else []), *self.verifiers.values())

    def sealed(self, resource: Resource) -> bytes:
        """Return them sealed for the resource's row."""
        content = {"password": self.password, "verifiers": dict(self.verifiers)}
        return sealing.seal_json(content, place=resource.credentials_place)

    @classmethod
    def of(cls, resource: Resource) -> "Credentials":
        """Open what the resource's row keeps."""
        if resource.sealed_credentials is None:
            return cls()
        content: Any = sealing.unseal_json(bytes(resource.sealed_credentials), place=resource.credentials_place)
        return cls(password=content["password"], verifiers=content["verifiers"])


def credentials_make(forms: Mapping[str, str]) -> Credentials:
    """Make a password and its verifiers.

    Args:
        forms: Form of verifier by variable, from the manifest.
    """
    password = password_make()
    return Credentials(password=password, verifiers={form: VERIFIERS[form](password) for form in set(forms.values())})


def credentials_ensure(claim: Claim, *, resource: Resource, manifest: Mapping[str, Any]) -> Credentials:
    """Return the resource's credentials; made and kept before Terraform first hears of them.

    A worker that dies after Terraform has used a verifier must not leave behind one whose password nobody knows.

    Raises:
        LeaseLostError: Another worker has taken over; nothing was kept.
    """
    if manifest["credentials"] is None or resource.sealed_credentials is not None:
        return Credentials.of(resource)
    made = credentials_make(manifest["credentials"]["verifiers"])
    mine = Resource.objects.filter(pk=resource.pk, sealed_credentials=None, runs__in=Run.objects.filter(fenced(claim)))
    if not mine.update(sealed_credentials=made.sealed(resource)):
        raise LeaseLostError
    return made
