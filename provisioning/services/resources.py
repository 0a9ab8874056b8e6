"""Credentials are revealed, once, to who ordered the resource or an admin of its team."""

from dataclasses import dataclass, field
from urllib.parse import quote

from django.db import transaction

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, ForbiddenError, GoneError, Tenant
from platform_api.core.ids import UnknownIdError
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import right_require, rights_in
from provisioning.models import Resource
from provisioning.selectors.resources import resource_get
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.credentials import Credentials
from provisioning.states import ResourceStatus


class CredentialsRevealedError(GoneError):
    """They were shown before; nobody can show them again, for only their verifier is kept."""

    code = "credentials_already_revealed"
    title = "The credentials were shown already"
    remedy = "Ask whoever took them; nobody can show them again, for only a verifier is kept."


class CredentialsNotReadyError(ConflictError):
    """The resource is not there yet, or was never made."""

    code = "credentials_not_ready"
    title = "The resource is not ready"
    remedy = "Wait until it is ready."


class CredentialsNoneError(ConflictError):
    """The offering hands out none."""

    code = "credentials_none"
    title = "This offering hands out no credentials"


class NotOwnerError(ForbiddenError):
    """Seen, but ordered by somebody else."""

    code = "role_missing"
    title = "Your roles do not allow this"
    remedy = "Ask whoever ordered it, or an admin of the team."


@dataclass(frozen=True, kw_only=True)
class Revealed:
    """Credentials in clear; shown now and never again, never stored, never logged.

    Attributes:
        username: Who logs in.
        password: What with.
        uri: Both, with address and name.
        revealed_at: When, for the record.
    """

    username: str
    password: str = field(repr=False)
    uri: str = field(repr=False)


def credentials_reveal(*, caller: Caller, resource: str) -> Revealed:
    """Show a resource's credentials, once; afterwards only their verifier is kept.

    Args:
        caller: Who ordered it, or an admin of its team or project.
        resource: Its id.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
        RoleMissingError: The caller's role does not carry the right.
        NotOwnerError: Another developer ordered it.
        CredentialsNoneError: The offering hands out none.
        CredentialsNotReadyError: It is not ready.
        CredentialsRevealedError: They were shown before.
    """
    found = resource_get(caller=caller, resource=resource)
    project = found.project
    tenant = Tenant(team_id=project.team_id, project_id=project.pk)
    where = {"team_id": project.team_id, "project_id": project.pk}
    right_require(caller=caller, right=Right.REVEAL, where=project.slug, **where)
    if caller.id != found.created_by_id and Right.ADMINISTER not in rights_in(caller=caller, **where):
        raise NotOwnerError(tenant=tenant)
    form = found.offering_version.manifest["credentials"]
    if form is None:
        raise CredentialsNoneError(tenant=tenant)
    with transaction.atomic():
        locked = Resource.objects.select_for_update(no_key=True).filter(pk=found.pk).first()
        if locked is None:
            raise UnknownIdError
        if locked.credentials_revealed_at is not None:
            msg = f"They were shown at {locked.credentials_revealed_at:%Y-%m-%d %H:%M:%S} UTC."
            raise CredentialsRevealedError(msg, tenant=tenant)
        credentials = Credentials.of(locked)
        if locked.status != ResourceStatus.READY or credentials.password is None:
            raise CredentialsNotReadyError(tenant=tenant)
        kept = Credentials(verifiers=credentials.verifiers)
        Resource.objects.filter(pk=locked.pk).update(
            credentials_revealed_at=ClockTimestamp(), sealed_credentials=kept.sealed(locked)
        )
        event_record(
            caller=caller,
            action="credentials.revealed",
            object_type="resource",
            object_id=locked.pk,
            object_name=locked.name,
            team_id=project.team_id,
            project_id=project.pk,
            outcome=Outcome.SUCCEEDED,
        )
    return _filled(form, outputs=locked.outputs or {}, password=credentials.password)


def _filled(form: dict[str, str], *, outputs: dict[str, object], password: str) -> Revealed:
    """Fill the offering's URI template; every part is percent-encoded."""
    parts = {name: quote(str(value), safe="") for name, value in outputs.items()}
    return Revealed(
        username=str(outputs[form["username_output"]]),
        password=password,
        uri=form["uri_template"].format(**parts, password=quote(password, safe="")),
    )
