"""What stands in addresses: one description for each name, wherever it is used; and ids to show in examples."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from platform_api.core.ids import Prefix, pattern_of, show

_NUMBER = UUID("019a7b2c-1d2e-7f40-8a51-6b7c8d9e0f10")
"""A UUIDv7 that nothing has."""

SLUG_OR_ID = r"^[a-z0-9](?:[a-z0-9_-]{0,98}[a-z0-9])?$"


def example_id(prefix: Prefix) -> str:
    """Return an id as examples show it."""
    return show(prefix, _NUMBER)


def id_schema(prefix: Prefix) -> dict[str, Any]:
    """Return what ids of a kind look like, as JSON Schema."""
    return {"type": "string", "pattern": pattern_of(prefix), "maxLength": len(prefix.value) + 27}


def _by_id(prefix: Prefix, what: str) -> dict[str, Any]:
    return {"schema": id_schema(prefix), "description": f"Id of the {what}.", "example": example_id(prefix)}


def _by_name(what: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": SLUG_OR_ID, "maxLength": 100}
    return {"schema": schema, "description": f"{what}.", "example": example}


PLACES: Mapping[str, Mapping[str, Any]] = {
    "environment_id": _by_id(Prefix.ENVIRONMENT, "environment"),
    "name": _by_name("Name of the environment in its project", "staging"),
    "offering": _by_name("Slug or id of the offering", "postgres-database"),
    "project": _by_name("Slug or id of the project", "checkout"),
    "request_id": _by_id(Prefix.PROVISIONING_REQUEST, "request"),
    "resource_id": _by_id(Prefix.RESOURCE, "resource"),
    "run_id": _by_id(Prefix.RUN, "run"),
    "token_id": _by_id(Prefix.API_TOKEN, "token"),
}
"""Parameters of paths by their names, in OpenAPI's words."""
