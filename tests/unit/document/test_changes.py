"""What differs between two documents is told, and whether it breaks who was made from the old one."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from platform_api.core.http.document.changes import Change, changes_between
from tests.unit.document.endpoints import FROZEN

Json = dict[str, Any]

OLD: Json = {
    "paths": {
        "/things": {
            "post": {
                "operationId": "thing_make",
                "security": [{"apiToken": ["things:write"]}],
                "parameters": [
                    {"in": "query", "name": "wait", "schema": {"type": "integer", "minimum": 0, "maximum": 60}}
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}},
                "responses": {
                    "202": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                        "headers": {"ETag": {"$ref": "#/components/headers/ETag"}},
                    },
                    "409": {"content": {"application/problem+json": {"examples": {"busy": {}}}}},
                },
            }
        }
    },
    "components": {
        "headers": {"ETag": {"schema": {"type": "string", "maxLength": 80}}},
        "schemas": {
            "Body": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "maxLength": 40, "pattern": "^[a-z]+$"},
                    "size": {"type": "string", "enum": ["small", "large"]},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "count": {"type": "integer"},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "place": {"anyOf": [{"$ref": "#/components/schemas/Place"}, {"$ref": "#/components/schemas/Zone"}]},
                },
            },
            "Thing": {
                "type": "object",
                "required": ["id", "status"],
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["making", "made"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "place": {"anyOf": [{"$ref": "#/components/schemas/Place"}, {"type": "null"}]},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
            "Place": {"type": "object", "properties": {"street": {"type": "string"}}},
            "Zone": {"type": "object", "properties": {"code": {"type": "string"}}},
        },
    },
}


def operation(document: Json) -> Json:
    made: Json = document["paths"]["/things"]["post"]
    return made


def body(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["Body"]
    return found


def thing(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["Thing"]
    return found


def place_of(schema: Json) -> list[Json]:
    found: list[Json] = schema["properties"]["place"]["anyOf"]
    return found


def headers(document: Json) -> Json:
    found: Json = operation(document)["responses"]["202"]["headers"]
    return found


ZONE = {"$ref": "#/components/schemas/Zone"}


BREAKING: dict[str, Callable[[Json], Any]] = {
    "an operation is gone": lambda new: new["paths"].pop("/things"),
    "an operation has another name": lambda new: operation(new).update(operationId="make_thing"),
    "another scope is needed": lambda new: operation(new).update(security=[{"apiToken": ["things:make"]}]),
    "a parameter is gone": lambda new: operation(new).update(parameters=[]),
    "a parameter is needed": lambda new: operation(new)["parameters"][0].update(required=True),
    "a parameter takes less": lambda new: operation(new)["parameters"][0]["schema"].update(maximum=30),
    "a body is needed": lambda new: operation(new)["requestBody"].update(required=True),
    "a body is not taken": lambda new: operation(new).pop("requestBody"),
    "a new member has to be sent": lambda new: (
        body(new)["properties"].update(why={}),
        body(new)["required"].append("why"),
    ),
    "a member may not be sent": lambda new: body(new)["properties"].pop("note"),
    "a member may not be null": lambda new: body(new)["properties"].update(note={"type": "string"}),
    "a text may be less long": lambda new: body(new)["properties"]["name"].update(maxLength=20),
    "a text has another form": lambda new: body(new)["properties"]["name"].update(pattern="^[a-z0-9]+$"),
    "a word may not be sent": lambda new: body(new)["properties"]["size"].update(enum=["small"]),
    "a success has another status": lambda new: operation(new)["responses"].update({"200": {}}),
    "a success is gone": lambda new: operation(new)["responses"].pop("202"),
    "a member is not answered": lambda new: (thing(new)["properties"].pop("id"), thing(new)["required"].remove("id")),
    "a member may be missing": lambda new: thing(new)["required"].remove("id"),
    "a member is of another type": lambda new: thing(new)["properties"].update(id={"type": "integer"}),
    "an unknown word is answered": lambda new: thing(new)["properties"]["status"]["enum"].append("lost"),
    "an unknown alternative is answered": lambda new: place_of(thing(new)).append(ZONE),
    "an alternative may not be sent": lambda new: place_of(body(new)).pop(),
    "what is shared is of another type": lambda new: new["components"]["schemas"].update(Place={"type": "string"}),
    "a member may be null": lambda new: thing(new)["properties"].update(id={"type": ["string", "null"]}),
    "members of a map are sent as another type": lambda new: body(new)["properties"]["labels"].update(
        additionalProperties={"type": "integer"}
    ),
    "members of a map are answered as another type": lambda new: thing(new)["properties"]["labels"].update(
        additionalProperties={"type": "integer"}
    ),
    "members of a map may be less long": lambda new: body(new)["properties"]["labels"].update(
        additionalProperties={"type": "string", "maxLength": 5}
    ),
    "what is sent has a condition": lambda new: body(new).update(allOf=[{"required": ["size"]}]),
    "a header is not answered": lambda new: headers(new).clear(),
    "a header is longer": lambda new: new["components"]["headers"]["ETag"]["schema"].update(maxLength=200),
}

HARMLESS: dict[str, Callable[[Json], Any]] = {
    "an operation is new": lambda new: new["paths"].update({"/others": {"get": operation(OLD)}}),
    "an operation is deprecated": lambda new: operation(new).update(deprecated=True),
    "no scope is needed": lambda new: operation(new).update(security=[]),
    "a parameter is new": lambda new: operation(new)["parameters"].append({"in": "query", "name": "sort"}),
    "a parameter takes more": lambda new: operation(new)["parameters"][0]["schema"].update(maximum=90),
    "a new member may be sent": lambda new: body(new)["properties"].update(why={}),
    "a member need not be sent": lambda new: body(new)["required"].remove("name"),
    "a text may be longer": lambda new: body(new)["properties"]["name"].update(maxLength=80),
    "a text has no form": lambda new: body(new)["properties"]["name"].pop("pattern"),
    "another word may be sent": lambda new: body(new)["properties"]["size"]["enum"].append("huge"),
    "a member is answered, too": lambda new: thing(new)["properties"].update(at={"type": "string"}),
    "a word is not answered": lambda new: thing(new)["properties"]["status"]["enum"].remove("making"),
    "a member is never null": lambda new: thing(new)["properties"].update(place=place_of(thing(new))[0]),
    "another alternative may be sent": lambda new: place_of(body(new)).append({"type": "string"}),
    "null may be sent": lambda new: place_of(body(new)).append({"type": "null"}),
    "any number may be sent": lambda new: body(new)["properties"]["count"].update(type="number"),
    "members of a map may be sent as anything": lambda new: body(new)["properties"]["labels"].update(
        additionalProperties=True
    ),
    "a header is new": lambda new: headers(new).update(Location={"schema": {"type": "string"}}),
    "a refusal is new": lambda new: operation(new)["responses"].update({"410": {}}),
    "a code is new": lambda new: operation(new)["responses"]["409"]["content"]["application/problem+json"][
        "examples"
    ].update(late={}),
}


def changed(change: Callable[[Json], Any]) -> list[Change]:
    """Return what is told of a change."""
    new = deepcopy(OLD)
    change(new)
    return changes_between(OLD, new)


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING)
def test_what_breaks_a_client_is_told_first(change: Callable[[Json], Any]) -> None:
    assert changed(change)[0].is_breaking


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_breaks_no_client_is_told_as_such(change: Callable[[Json], Any]) -> None:
    found = changed(change)
    assert found
    assert not any(each.is_breaking for each in found)


def test_words_and_examples_are_no_change() -> None:
    def reword(new: Json) -> None:
        operation(new).update(summary="Other words", description="Other words")
        body(new)["properties"]["name"].update(description="Other words")

    assert changed(reword) == []


def test_a_document_does_not_differ_from_itself() -> None:
    assert changes_between(FROZEN, deepcopy(FROZEN)) == []


def test_a_change_is_told_with_its_place() -> None:
    (found,) = changed(BREAKING["a text may be less long"])
    assert found == Change("Body, sent: /name", "maxLength is 20, was 40", is_breaking=True)


def test_a_file_that_is_no_document_is_refused(tmp_path: Any) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("a: 1")
    with pytest.raises(CommandError, match="is no OpenAPI document"):
        call_command("openapi_changes", str(file), str(file))
