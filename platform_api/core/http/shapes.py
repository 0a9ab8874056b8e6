"""Shapes over HTTP: bodies are read and judged, answers written, and both told to the OpenAPI document.

A body is judged as a whole: every fault is told at once, with a JSON pointer, a permanent code and the way out.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from django.http import HttpResponse
from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent

from platform_api.core.errors import RequestRefusedError
from platform_api.core.http.document.attributes import meanings_of
from platform_api.core.judgement import Finding, Judge
from platform_api.core.shapes import Body, Shape

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema
    from drf_spectacular.utils import Direction

REFERENCE = "#/components/schemas/{name}"


BodyType = TypeVar("BodyType", bound=Body)


@cache
def body_judge(body_type: type[Body]) -> Judge:
    """Return the judge of a kind of body; made once."""
    _, components = msgspec.json.schema_components([body_type], ref_template=REFERENCE)
    schema = components[body_type.__name__]
    properties = {name: _or_null(inner) for name, inner in schema["properties"].items()}
    return Judge({"required": [], **schema, "properties": properties}, root="#")


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Say "this or null" as one schema with two types, so that a mistake is told of the value and not of the choice."""
    choices = schema.get("anyOf", [])
    if len(choices) != 2 or {"type": "null"} not in choices:  # noqa: PLR2004 - a value and null
        return schema
    (inner,) = (choice for choice in choices if choice != {"type": "null"})
    return {**inner, "type": [inner["type"], "null"]} if "type" in inner else schema


def body_read(body_type: type[BodyType], data: Any) -> BodyType:
    """Turn parsed JSON into a body.

    Args:
        body_type: What is expected.
        data: Parsed JSON; an absent body counts as an empty object, so that missing fields are named.

    Raises:
        RequestRefusedError: Holds every fault.
    """
    data = {} if data is None else data
    # The judge's word counts: msgspec reads "$" in a pattern as Python does, and lets a line feed pass at the end.
    findings = body_judge(body_type).judge(data)
    if findings:
        raise RequestRefusedError(errors=findings)
    try:
        return msgspec.convert(data, body_type, strict=True)
    except msgspec.ValidationError as error:
        raise RequestRefusedError(errors=[_finding_of(error)]) from error


class NoBody(Body):
    """What a call sends that takes nothing; it may be left out."""


def _finding_of(error: msgspec.ValidationError) -> Finding:
    """Return what a schema cannot say, e.g. that a date is in no calendar."""
    detail, _, path = str(error).partition(" - at ")
    steps = path.strip("`").removeprefix("$").replace("[", ".").replace("]", "").replace(".", "/")
    remedy = "See the API's schema for what is allowed."
    return {"pointer": f"#{steps}", "code": "invalid_value", "detail": f"{detail}.", "remedy": remedy}


def shape_response(shape: Shape | Mapping[str, Any] | bytes, *, status: int = 200, **headers: str) -> HttpResponse:
    """Answer with a shape, or with bytes that were encoded before."""
    content = shape if isinstance(shape, bytes) else msgspec.json.encode(shape)
    return HttpResponse(
        content,
        status=status,
        content_type="application/json",
        headers={name.replace("_", "-").title(): value for name, value in headers.items()},
    )


class StructSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # an untyped registry
    """Tells the OpenAPI document about shapes and bodies."""

    target_class = msgspec.Struct
    match_subclasses = True

    def get_name(self, auto_schema: "AutoSchema", direction: "Direction") -> str:
        """Return the class's name."""
        set_override(self.target, "suppress_collision_warning", True)  # noqa: FBT003 - drf-spectacular's signature
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: "AutoSchema", direction: "Direction") -> dict[str, Any]:
        """Return the struct's schema, and put the structs that it holds into the document's components."""
        _, components = msgspec.json.schema_components([self.target], ref_template=REFERENCE)
        known = {each.__name__: each for each in (*_below(Shape), *_below(Body))}
        told = {name: _told(schema, meanings_of(known[name])) for name, schema in components.items()}
        own = told.pop(self.target.__name__)
        for name, schema in told.items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]  # drf-spectacular has no types here
                name=name, type=ResolvedComponent.SCHEMA, object=name, schema={**schema, "title": name}
            )
            auto_schema.registry.register_on_missing(component)
        return own


def _below(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for child in struct.__subclasses__():
        yield child
        yield from _below(child)


def _told(schema: dict[str, Any], meanings: Mapping[str, str]) -> dict[str, Any]:
    """Say what members mean, and leave out defaults of null, which generated clients would send."""
    members = schema.get("properties", {}).items()
    return {**schema, "properties": {name: _member(member, meanings.get(name)) for name, member in members}}


def _member(member: dict[str, Any], meaning: str | None) -> dict[str, Any]:
    plain = {key: value for key, value in member.items() if key != "default" or value is not None}
    said = [text for text in (meaning, member.get("description")) if text]
    return {**plain, "description": "\n\n".join(said)} if said else plain
