"""What several lists of provisioning have in common: filters, and that their rows lie in projects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from platform_api.core.http.filters import Named, Text
from platform_api.core.http.paging import Places
from platform_api.core.ids import Prefix
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.selectors.projects import project_named, projects_in_sight
from platform_api.tenancy.selectors.sight import Sight

_BY_SLUG = "project__slug"


@dataclass(frozen=True, kw_only=True)
class _OfProject(Named):
    """A project by its slug or its id."""

    def narrow(self, rows: QuerySet[Any], value: Mapping[str, Any]) -> QuerySet[Any]:
        """Return what belongs to it; a slug is looked up first, so that an index of the project's rows is gone by."""
        if _BY_SLUG not in value:
            return super().narrow(rows, value)
        return rows.filter(project_id=project_named(value[_BY_SLUG]))


OF_PROJECT = _OfProject(
    description="Slug or id of the project.", prefix=Prefix.PROJECT, lookup="project_id", slug_lookup=_BY_SLUG
)
OF_RESOURCE = Named(description="Id of the resource.", prefix=Prefix.RESOURCE, lookup="resource_id")
NAMED = Text(
    description="Its name.",
    lookup="name",
    pattern=r"[a-z][a-z0-9-]{0,38}[a-z0-9]",
    form="Names have 2 to 40 of: a-z, 0-9, hyphen.",
    max_length=40,
)


def project_places(request: Request) -> Sequence[Places]:
    """Return the projects that the caller sees, in whose order indexes have their rows; none for all there are."""
    sight = Sight.of(caller_of(request))
    return () if sight.is_overseer else (Places(rows=projects_in_sight(sight), column="project"),)
