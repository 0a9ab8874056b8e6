"""Filters that several lists of provisioning have."""

from platform_api.core.http.filters import Named, Text
from platform_api.core.ids import Prefix

OF_PROJECT = Named(
    description="Slug or id of the project.", prefix=Prefix.PROJECT, lookup="project_id", slug_lookup="project__slug"
)
OF_RESOURCE = Named(description="Id of the resource.", prefix=Prefix.RESOURCE, lookup="resource_id")
NAMED = Text(
    description="Its name.",
    lookup="name",
    pattern=r"[a-z][a-z0-9-]{0,38}[a-z0-9]",
    form="Names have 2 to 40 of: a-z, 0-9, hyphen.",
    max_length=40,
)
