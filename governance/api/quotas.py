"""Quotas as members of a project or team see them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.request import Request

from governance.models import Quota
from governance.selectors.quotas import quotas_of_project, quotas_of_team
from platform_api.core.http.filters import Filter, FilterInvalidError, Text
from platform_api.core.http.views import ListView
from platform_api.core.ids import Prefix, UnknownIdError, show
from platform_api.core.shapes import QuotaId, Shape
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope


class QuotaRowShape(Shape):
    """A limit, and what stands against it; ``reserved`` and ``used`` never overlap."""

    id: QuotaId
    scope: str
    """Whose it is, e.g. `project:checkout`."""

    kind: str
    limit: int
    reserved: int
    """By what is being made."""

    used: int
    """By what is there."""

    version: int


NAME: dict[str, Any] = {"pattern": r"[a-z0-9_-]+", "form": "Use a slug, or an id as the API shows it."}


class QuotaList(ListView):
    """The quotas that count in one project, or those of one team."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.TENANCY_READ}
    noun = "quota"
    shape = QuotaRowShape
    raises = (UnknownIdError,)
    filters: ClassVar[Mapping[str, Filter]] = {
        "project": Text(description="Slug or id: its quotas and its team's. Give this or team.", **NAME),
        "team": Text(description="Slug or id: the team's own quotas. Give this or project.", **NAME),
    }

    def find(self, request: Request, **filters: Any) -> QuerySet[Any]:
        """Return the quotas of the project or team that is named.

        Raises:
            FilterInvalidError: None is named, or both are.
        """
        match filters:
            case {"project": project, **others} if not others:
                return quotas_of_project(caller=caller_of(request), project=project)
            case {"team": team, **others} if not others:
                return quotas_of_team(caller=caller_of(request), team=team)
        raise FilterInvalidError(
            "Quotas are listed for one project or for one team.", remedy="Add ?project= or ?team=."
        )

    def show(self, row: Quota) -> QuotaRowShape:
        """Return one quota in its shape."""
        return QuotaRowShape(
            id=show(Prefix.QUOTA, row.pk),
            scope=row.scope_name,
            kind=row.kind,
            limit=row.limit,
            reserved=row.reserved,
            used=row.used,
            version=row.version,
        )
