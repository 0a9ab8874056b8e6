"""Examples of calls and their answers, from files beside the views: what the document shows is what the tests send.

A view's ``examples/<operation id>.json`` is a list of exchanges. Ids in it are those of ``places.example_id``; a test
puts those of its own things in their place, makes the call, and compares what is answered.
"""

import inspect
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec


class Example(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One exchange.

    Attributes:
        name: Its name in the document.
        summary: What it shows.
        path: Values in the address that are not the usual ones.
        query: The query.
        headers: Headers beyond those of every call.
        body: What is sent; None for a call without a body.
        status: What is answered.
        answer: The answer's body; None where there is none.
    """

    name: str
    summary: str
    path: dict[str, str] = {}
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: Any = None
    status: int
    answer: Any = None

    @property
    def ask(self) -> dict[str, Any]:
        """What is sent, in OpenAPI's words."""
        return {"summary": self.summary, "value": self.body}


def examples_shown(examples: Iterable[Example]) -> dict[str, dict[str, Any]]:
    """Return what is answered, in OpenAPI's words."""
    return {each.name: {"summary": each.summary, "value": each.answer} for each in examples}


def examples_file(view: type, operation_id: str) -> Path:
    """Return where the examples of an operation stand."""
    return Path(inspect.getfile(view)).parent / "examples" / f"{operation_id}.json"


@cache
def examples_of(file: Path) -> list[Example]:
    """Return the examples in a file; none where there is no file."""
    return msgspec.json.decode(file.read_bytes(), type=list[Example]) if file.exists() else []
