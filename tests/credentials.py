"""What is kept of a resource's credentials, opened, and where each of them stands in a word."""

from django.db.models import QuerySet

from provisioning.models import Credential, Resource
from provisioning.services.execution.credentials import Credentials


def kept(resource: Resource) -> list[Credentials]:
    """Return those that can still be opened, the newest first."""
    return [Credentials.of(row) for row in _rows(resource).filter(sealed__isnull=False).order_by("-number")]


def password_of(resource: Resource) -> str:
    """Return the newest password that is kept."""
    password = kept(resource)[0].password
    assert password is not None
    return password


def stand(resource: Resource) -> list[str]:
    """Return what became of each credential, by number: pending, tried, current, replaced or discarded."""
    return [row.status for row in _rows(resource).order_by("number")]


def _rows(resource: Resource) -> QuerySet[Credential]:
    return Credential.objects.filter(resource_id=resource.pk)
