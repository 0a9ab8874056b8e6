"""Where something is ordered: a project and an environment in it, as the caller may see them."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.db.models import Q

from governance.services.quota_limits import ProjectFacts
from platform_api.core.callers import Caller
from platform_api.core.errors import RequestRefusedError, Tenant
from platform_api.core.ids import Prefix, UnknownIdError, is_id, parse
from platform_api.tenancy.models import Project
from platform_api.tenancy.models.roles import Right
from platform_api.tenancy.selectors.projects import project_get
from provisioning.models import Environment
from provisioning.selectors.quotas import project_facts
from provisioning.states import Desired


class PlaceUnknownError(RequestRefusedError):
    """The body names a project or environment that the caller cannot see, or that is not there."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A project and one of its environments.

    Attributes:
        expires_at: When the environment goes, if it is ephemeral.
        offering: Slug of what the environment was ordered as; None for one that was made empty.
    """

    project: Project
    environment_id: UUID
    environment: str
    tier: str
    expires_at: datetime | None
    offering: str | None

    @classmethod
    def of(cls, environment: Environment, *, project: Project) -> Self:
        """Return an environment as a place; its offering is looked up, if it has one."""
        version = environment.offering_version
        return cls(
            project=project,
            environment_id=environment.pk,
            environment=environment.name,
            tier=environment.tier,
            expires_at=environment.expires_at,
            offering=None if version is None else version.offering.slug,
        )

    @property
    def facts(self) -> ProjectFacts:
        """Whose quotas count here."""
        return project_facts(self.project)

    @property
    def tenant(self) -> Tenant:
        """Whose concern a refusal here is."""
        return self.project.tenant


def place_project_get(*, caller: Caller, project: str, right: Right) -> Project:
    """Return the project that a body names.

    Raises:
        PlaceUnknownError: There is none, or it is not the caller's to see; the finding is the same.
        RoleMissingError: It is seen, but the right is missing.
    """
    try:
        return project_get(caller=caller, project=project, right=right)
    except UnknownIdError:
        detail = f"There is no project {project[:80]!r}, or it is not yours to see."
        raise _unknown("#/project", "unknown_project", detail, "List yours with GET /api/v1/projects.") from None


def place_get(*, project: Project, environment: str) -> Place:
    """Return the place that a body names within a project.

    Raises:
        PlaceUnknownError: The project has no such environment, or it is closed; lists those there are.
    """
    open_ones = Environment.objects.filter(project=project, closed_at=None, desired=Desired.PRESENT)
    named = Q(name=environment)
    if is_id(Prefix.ENVIRONMENT, environment):
        with suppress(UnknownIdError):
            named = Q(pk=parse(Prefix.ENVIRONMENT, environment))
    found = open_ones.filter(named).first()
    if found is None:
        names = ", ".join(open_ones.order_by("name").values_list("name", flat=True)[:20])
        detail = f"Project {project.slug} has no open environment {environment[:80]!r}."
        remedy = f"Choose one of: {names}." if names else "Make one with PUT /api/v1/projects/…/environments/…."
        raise _unknown("#/environment", "unknown_environment", detail, remedy, tenant=project.tenant)
    return Place.of(found, project=project)


def _unknown(pointer: str, code: str, detail: str, remedy: str, *, tenant: Tenant | None = None) -> PlaceUnknownError:
    finding = {"pointer": pointer, "code": code, "detail": detail, "remedy": remedy}
    return PlaceUnknownError(detail, remedy=remedy, errors=[finding], tenant=tenant)
