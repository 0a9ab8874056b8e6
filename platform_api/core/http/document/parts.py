"""Parts of the OpenAPI document: some operations, with the components that they need and no others."""

from collections.abc import Collection, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

Document = dict[str, Any]

_PREFIX = "#/components/"


@cache
def whole() -> Document:
    """Return the document of the whole API; made once, since it changes only with the code. Never change it."""
    document: Document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular has no types here
    return document


class KeptGenerator(SchemaGenerator):
    """Answers with the document that was made once: everybody may ask for it, and making it takes a while."""

    def get_schema(self, request: object = None, public: bool = False) -> Document:  # noqa: FBT001, FBT002 - drf-spectacular's signature
        """Return the whole document, which is the same for everybody."""
        return whole()


def part_of(document: Document, operation_ids: Collection[str]) -> Document:
    """Return a copy that has only some of the operations.

    Args:
        document: All of it.
        operation_ids: What stays.
    """
    paths: Document = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["operationId"] in operation_ids:
                paths.setdefault(path, {})[method] = deepcopy(operation)
    used = {tag for item in paths.values() for operation in item.values() for tag in operation["tags"]}
    tags = [tag for tag in document["tags"] if tag["name"] in used]
    return prune({**document, "tags": tags, "paths": paths})


def prune(document: Document) -> Document:
    """Return the document with those components alone that its operations lead to."""
    components, found = document["components"], dict[tuple[str, str], Any]()
    waiting = list(_references(document["paths"]))
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = deepcopy(components[key[0]][key[1]])
            waiting += _references(found[key])
    kept: Document = {"securitySchemes": components["securitySchemes"]}
    for kind, name in sorted(found):
        kept.setdefault(kind, {})[name] = found[kind, name]
    return {**document, "components": dict(sorted(kept.items()))}


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith(_PREFIX):
            kind, _, name = target.removeprefix(_PREFIX).partition("/")
            yield kind, name
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
