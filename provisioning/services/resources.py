"""Credentials are revealed, once, to who ordered the resource or an admin of its team."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.db import transaction

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, ForbiddenError, GoneError
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import right_require, rights_in
from provisioning.models import Credential, Resource
from provisioning.models.credentials import CURRENT, PENDING
from provisioning.selectors.resources import live_run_of, resource_get
from provisioning.selectors.shapes import resource_url
from provisioning.services.execution.claims import ClockTimestamp
from provisioning.services.execution.credentials import Credentials
from provisioning.services.execution.endings import resource_lock
from provisioning.states import Desired, Operation, ResourceStatus


class CredentialsRevealedError(GoneError):
    """They were shown before; nobody can show them again, for only their verifier is kept."""

    code = "credentials_already_revealed"
    title = "The credentials were shown already"


class CredentialsNotReadyError(ConflictError):
    """Which ones are in place is not known, or none are."""

    code = "credentials_not_ready"
    title = "The credentials are not ready"
    remedy = "Wait until the resource is ready."


class CredentialsNoneError(ConflictError):
    """The offering hands out none."""

    code = "credentials_none"
    title = "This offering hands out no credentials"


class NotOwnerError(ForbiddenError):
    """Seen, but ordered by somebody else."""

    code = "role_missing"
    title = "Your roles do not allow this"


@dataclass(frozen=True, kw_only=True)
class Revealed:
    """Credentials in clear; shown now and never again, never stored, never logged.

    Attributes:
        username: Who logs in.
        password: What with.
        uri: Both, with address and name.
    """

    username: str
    password: str = field(repr=False)
    uri: str = field(repr=False)


def credentials_offered_require(*, caller: Caller, resource: Resource) -> Mapping[str, Any]:
    """Return how a resource's credentials are put together, for who may have them or have them replaced.

    Args:
        caller: Who ordered it, or an admin of its team or project.
        resource: With its project and version loaded.

    Raises:
        RoleMissingError: The caller's role does not carry the right.
        NotOwnerError: Another developer ordered it; says who can.
        CredentialsNoneError: The offering hands out none.
    """
    project = resource.project
    where = {"team_id": project.team_id, "project_id": project.pk}
    right_require(caller=caller, right=Right.REVEAL, where=project.slug, **where)
    if caller.id != resource.created_by_id and Right.ADMINISTER not in rights_in(caller=caller, **where):
        msg = f"Resource {resource.name} was ordered by {resource.created_by_name}."
        remedy = f"Ask {resource.created_by_name}, or an admin of project {project.slug} or of its team."
        raise NotOwnerError(msg, remedy=remedy, tenant=project.tenant)
    offered: Mapping[str, Any] | None = resource.offering_version.manifest["credentials"]
    if offered is None:
        raise CredentialsNoneError(tenant=project.tenant)
    return offered


def credentials_reveal(*, caller: Caller, resource: str) -> Revealed:
    """Show a resource's credentials, once for each number; afterwards only their verifiers are kept.

    Args:
        caller: Who ordered it, or an admin of its team or project.
        resource: Its id.

    Raises:
        UnknownIdError: There is none, or it is not the caller's to see.
        RoleMissingError: The caller's role does not carry the right.
        NotOwnerError: Another developer ordered it.
        CredentialsNoneError: The offering hands out none.
        CredentialsNotReadyError: None are in place, or a rotation is not finished.
        CredentialsRevealedError: They were shown before.
    """
    pk = resource_get(caller=caller, resource=resource).pk
    with transaction.atomic():
        resource_lock(pk)
        found = resource_get(caller=caller, resource=resource)
        offered = credentials_offered_require(caller=caller, resource=found)
        current = _current_require(found)
        opened = Credentials.of(current)
        if opened.password is None:
            msg = f"They were shown at {current.revealed_at:%Y-%m-%d %H:%M:%S} UTC."
            raise CredentialsRevealedError(msg, remedy=f"Rotate them: {_rotation(found)}.", tenant=found.project.tenant)
        if found.status != ResourceStatus.READY:
            msg = f"The last run of resource {found.name} did not end well."
            remedy = f"Repeat the change: PATCH {resource_url(pk)}; or rotate them: {_rotation(found)}."
            raise CredentialsNotReadyError(msg, remedy=remedy, tenant=found.project.tenant)
        Credential.objects.filter(CURRENT, resource=found).update(
            sealed=Credentials(verifiers=opened.verifiers).sealed(current),
            revealed_at=ClockTimestamp(),
            revealed_by_id=caller.id,
            revealed_by_name=caller.name,
        )
        event_record(
            caller=caller,
            action="credentials.revealed",
            object_type="resource",
            object_id=found.pk,
            object_name=found.name,
            team_id=found.project.team_id,
            project_id=found.project_id,
            after={"number": current.number},
            outcome=Outcome.SUCCEEDED,
        )
    return _filled(offered, outputs=found.outputs or {}, password=opened.password)


def _current_require(resource: Resource) -> Credential:
    """Return the ones in use, unless it is not known which are, or others are on their way."""
    of_resource = Credential.objects.filter(resource=resource)
    current, has_pending = of_resource.filter(CURRENT).first(), of_resource.filter(PENDING).exists()
    live = live_run_of(resource)
    is_rotating = live is not None and live.operation == Operation.ROTATE
    if current is not None and not has_pending and not is_rotating:
        return current
    if live is not None:
        msg, remedy = f"Run {show(Prefix.RUN, live.pk)} ({live.operation}) works on them.", "Wait until it has ended."
    elif resource.status == ResourceStatus.DEPROVISIONED or resource.desired == Desired.ABSENT:
        msg, remedy = f"Resource {resource.name} is given back, and they go with it.", "Order a new one."
    else:
        msg = "The run that was to put new ones in place did not end well; it may have done so all the same."
        remedy = f"Finish it: {_rotation(resource)}."
    raise CredentialsNotReadyError(msg, remedy=remedy, tenant=resource.project.tenant)


def _rotation(resource: Resource) -> str:
    return f"POST {resource_url(resource.pk)}/credentials/rotate"


def _filled(offered: Mapping[str, Any], *, outputs: Mapping[str, object], password: str) -> Revealed:
    """Fill the offering's URI template; every part is percent-encoded."""
    parts = {name: quote(str(value), safe="") for name, value in outputs.items()}
    return Revealed(
        username=str(outputs[offered["username_output"]]),
        password=password,
        uri=offered["uri_template"].format(**parts, password=quote(password, safe="")),
    )
