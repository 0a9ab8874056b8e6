"""The OpenAPI document as a list of places that can be attacked: a new route or field is in it by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WRITES = ("post", "put", "patch", "delete")
METHODS = ("get", *WRITES)
Json = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What is sent beside the body.

    Attributes:
        name: As the document has it.
        place: ``path``, ``query`` or ``header``.
        schema: What it allows.
    """

    name: str
    place: str
    schema: Json


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a route.

    Attributes:
        id: ``operationId``.
        method: In capitals.
        path: With names in braces.
        parameters: In the document's order.
        schema: Of the body, resolved; None where it takes none.
        answers: Statuses, and which codes each can come with.
    """

    id: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    schema: Json | None
    answers: Mapping[int, frozenset[str]]

    @property
    def is_write(self) -> bool:
        """Whether it may change something."""
        return self.method.lower() in WRITES

    def names(self, place: str) -> list[str]:
        """Return the names of the parameters in a place."""
        return [each.name for each in self.parameters if each.place == place]


def operations(document: Json) -> list[Operation]:
    """Return all operations of a document."""
    found = []
    for path, item in document["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            shared = (*item.get("parameters", ()), *operation.get("parameters", ()))
            told = [_resolved(document, each) for each in shared]
            content = _resolved(document, operation.get("requestBody", {})).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            found.append(
                Operation(
                    id=operation["operationId"],
                    method=method.upper(),
                    path=path,
                    parameters=tuple(
                        Parameter(name=each["name"], place=each["in"], schema=each["schema"]) for each in told
                    ),
                    schema=None if schema is None else _resolved(document, schema),
                    answers={
                        int(status): _codes(_resolved(document, answer))
                        for status, answer in operation.get("responses", {}).items()
                    },
                )
            )
    return found


def _codes(answer: Json) -> frozenset[str]:
    return frozenset(code for part in answer.get("content", {}).values() for code in part.get("examples", ()))


@dataclass(frozen=True)
class Slot:
    """A place in a body.

    Attributes:
        path: Keys and indexes that lead to it; empty for the whole body.
        schema: What the document allows there.
    """

    path: Path
    schema: Json

    @property
    def pointer(self) -> str:
        """The slot as a JSON pointer."""
        return "#" + "".join(f"/{step}" for step in self.path)


def slots(schema: Json, body: object) -> Iterator[Slot]:
    """Return every slot of a body: what the schema names, and what stands in the sound body besides.

    Args:
        schema: Resolved.
        body: A sound body; where a map is free, its members are the slots.
    """
    yield from _slots(schema, body, ())


def _slots(schema: Json, value: object, path: Path) -> Iterator[Slot]:
    yield Slot(path, schema)
    schema = _present(schema)
    if isinstance(value, Mapping) or "properties" in schema:
        members: Mapping[str, object] = value if isinstance(value, Mapping) else {}
        properties: Mapping[str, Json] = schema.get("properties", {})
        for name in {**properties, **members}:
            yield from _slots(properties.get(name, _others(schema)), members.get(name), (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value[:1]):
            yield from _slots(schema.get("items", {}), item, (*path, index))


def _present(schema: Json) -> Json:
    """Return what is said of a value that is not null."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


def _others(schema: Json) -> Json:
    others = schema.get("additionalProperties", {})
    return others if isinstance(others, dict) else {}


def _resolved(document: Json, part: Any) -> Any:
    """Return a part of the document with every reference replaced by what it stands for."""
    if isinstance(part, dict):
        if "$ref" in part:
            target: Any = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return _resolved(document, target)
        return {name: _resolved(document, inner) for name, inner in part.items()}
    return [_resolved(document, inner) for inner in part] if isinstance(part, list) else part
