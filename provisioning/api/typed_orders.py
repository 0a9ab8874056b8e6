"""The OpenAPI document of one offering: the API's own, with the order and the changes of this offering typed."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from catalog.models import OfferingVersion, Plan
from catalog.models.offerings import Availability
from platform_api.core.http.document.parts import Document, part_of, prune, whole
from platform_api.core.judgement import RULES

Schema = dict[str, Any]

ORDERED = (
    *("request_submit", "request_get", "run_get", "run_log", "run_cancel"),
    *("resource_get", "resource_update", "resource_deprovision", "credentials_reveal", "credentials_rotate"),
)
"""What somebody needs who orders a resource, watches it, changes it and gives it back."""

COMPOSED = (
    *("environment_ensure", "environment_get", "environment_named_get", "environment_delete"),
    *("environment_named_delete", "resource_get", "credentials_reveal", "run_get", "run_log"),
)
"""The same for a whole environment."""

_OF_CHANGES = ("resource", "confirm")
_OF_EMPTY = ("tier", "expires_at")


def offering_document(version: OfferingVersion) -> Document:
    """Return the document of an offering as a version of it says it.

    Args:
        version: The version, with its offering and its plans loaded.
    """
    slug = version.offering.slug
    document = part_of(whole(), COMPOSED if version.is_composed else ORDERED)
    manifest = version.manifest
    document["info"] = {
        **document["info"],
        "title": f"Slipway: {manifest['title']}",
        "version": version.version,
        "description": f"{manifest['description']}\n\nThis is offering `{slug}`, version {version.version}: the part "
        "of the API that orders it, with what it lets you set. All else stands in the document of the whole API, "
        "`/docs/openapi.yaml`.",
    }
    schemas, name = document["components"]["schemas"], "".join(word.title() for word in slug.split("-"))
    parameters = _parameters(version)
    needed = parameters.pop("required", [])
    schemas[f"{name}Parameters"] = {**parameters, **({"required": needed} if needed else {})}
    if version.is_composed:
        schemas[f"{name}Order"] = _composed(schemas["EnvironmentBody"], version, name=name, is_needed=bool(needed))
        _send(document, "environment_ensure", name=f"{name}Order")
        return prune(document)
    schemas[f"{name}Changes"] = {**parameters, "description": "Only what shall change."}
    schemas[f"{name}Order"] = _order(schemas["RequestBody"], version, name=name, is_needed=bool(needed))
    schemas[f"{name}Update"] = _update(schemas["UpdateBody"], version, name=name)
    _send(document, "request_submit", name=f"{name}Order")
    _send(document, "resource_update", name=f"{name}Update")
    return prune(document)


def _order(body: Schema, version: OfferingVersion, *, name: str, is_needed: bool) -> Schema:
    schema = _without(body, _OF_CHANGES)
    plans = _plans(version)
    schema["properties"] |= {
        "operation": {"type": "string", "const": "provision"},
        **_named(version),
        "plan": _plan_choice(plans),
        "parameters": _reference(f"{name}Parameters"),
        "project": {**_plain(schema, "project"), "description": "Slug or id of the project."},
        "name": _plain(schema, "name"),
    }
    schema["required"] = [
        *("operation", "offering", "plan", "project", "name"),
        *(["parameters"] if is_needed else []),
    ]
    if narrowing := [_within(plan) for plan in plans if plan.limits]:
        schema["allOf"] = narrowing
    return _titled(schema, f"{name}Order", f"An order of {version.manifest['title']}, version {version.version}.")


def _update(body: Schema, version: OfferingVersion, *, name: str) -> Schema:
    schema = deepcopy(body)
    plans = _plan_choice(_plans(version))
    schema["properties"] |= {"plan": plans, "parameters": _reference(f"{name}Changes")}
    return _titled(schema, f"{name}Update", "A change; what is left out stays as it is.")


def _composed(body: Schema, version: OfferingVersion, *, name: str, is_needed: bool) -> Schema:
    schema = _without(body, _OF_EMPTY)
    expiry = version.manifest["expiry"]
    schema["properties"] |= {**_named(version), "parameters": _reference(f"{name}Parameters")}
    if expiry is None:
        del schema["properties"]["ttl_seconds"]
    else:
        schema["properties"]["ttl_seconds"] = {
            "type": "integer",
            "minimum": 1,
            "maximum": expiry["maximum_seconds"],
            "description": f"How long it lives, in seconds; without it {expiry['default_seconds']}.",
        }
    schema["required"] = ["offering", *(["parameters"] if is_needed else [])]
    return _titled(schema, f"{name}Order", f"An order of {version.manifest['title']}, version {version.version}.")


def _parameters(version: OfferingVersion) -> Schema:
    """Return what a caller may set.

    Defaults are told in words: a generated client would send them, and so overrule those of the plan.
    """
    compiled = version.parameters_schema
    properties = {name: _parameter(each) for name, each in compiled["properties"].items()}
    given = [set(plan.parameters) for plan in _plans(version)]
    set_by_plans = set[str]().union(*given[:1]).intersection(*given)
    needed = [name for name in compiled.get("required", []) if name not in set_by_plans]
    return {"type": "object", "properties": properties, "additionalProperties": False, "required": needed}


def _parameter(compiled: Mapping[str, Any]) -> Schema:
    schema = {key: value for key, value in compiled.items() if key not in {"default", RULES}}
    rules = " ".join(compiled.get(RULES, []))
    default = (
        f"Unless said, and unless the plan says otherwise: `{compiled['default']}`." if "default" in compiled else ""
    )
    return {**schema, "description": "\n\n".join(filter(None, [schema.get("description", ""), rules, default]))}


def _plans(version: OfferingVersion) -> list[Plan]:
    return [plan for plan in version.plans.all() if plan.status == Availability.ACTIVE]


def _plan_choice(plans: list[Plan]) -> Schema:
    return {
        "type": "string",
        "enum": [plan.slug for plan in plans],
        "description": "\n".join(
            f"- `{plan.slug}`: {plan.description} {plan.monthly_amount} {plan.currency} a month, "
            f"quota points: {plan.quota_points}.{_set_by(plan)}"
            for plan in plans
        ),
    }


def _set_by(plan: Plan) -> str:
    told = ", ".join(f"`{name}` {value}" for name, value in plan.parameters.items())
    return f" Sets {told}." if told else ""


def _within(plan: Plan) -> Schema:
    """Return what a plan narrows, as a condition."""
    is_it = {"properties": {"plan": {"const": plan.slug}}, "required": ["plan"]}
    return {"if": is_it, "then": {"properties": {"parameters": {"properties": plan.limits}}}}


def _named(version: OfferingVersion) -> Schema:
    return {
        "offering": {"type": "string", "const": version.offering.slug},
        "version": {
            "type": "string",
            "const": version.version,
            "description": "Send it, and what this document says holds; without it the newest version is ordered.",
        },
    }


def _plain(schema: Schema, name: str) -> Schema:
    """Return a property as it is where it is not null."""
    found: Schema = schema["properties"][name]
    return next((each for each in found.get("anyOf", []) if each != {"type": "null"}), found)


def _without(body: Schema, names: tuple[str, ...]) -> Schema:
    schema = deepcopy(body)
    schema["properties"] = {name: each for name, each in schema["properties"].items() if name not in names}
    return schema


def _titled(schema: Schema, title: str, description: str) -> Schema:
    return {**schema, "title": title, "description": description, "additionalProperties": False}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _send(document: Document, operation_id: str, *, name: str) -> None:
    """Let an operation take another body; examples of the general one go."""
    for item in document["paths"].values():
        for operation in item.values():
            if operation["operationId"] == operation_id:
                operation["requestBody"]["content"] = {"application/json": {"schema": _reference(name)}}
