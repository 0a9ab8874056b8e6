"""The operations of the API: the document, and the views that answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from drf_spectacular.generators import SchemaGenerator

from platform_api.core.http.document.parts import whole

CHECKOUT = Path(__file__).resolve().parents[3]
FROZEN: dict[str, Any] = yaml.load((CHECKOUT / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An operation and who answers it.

    Attributes:
        operation: Its description, as the code makes it.
        view: Class of the view.
        method: The view's method.
    """

    operation: dict[str, Any]
    view: type
    method: Callable[..., Any]

    @property
    def id(self) -> str:
        """The operation's name."""
        return str(self.operation["operationId"])


def endpoints() -> Iterator[Endpoint]:
    """Yield every operation of the API."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # drf-spectacular has no types here
    generator._initialise_endpoints()  # type: ignore[no-untyped-call]  # as above
    for path, _, method, view in generator._get_paths_and_endpoints():  # type: ignore[no-untyped-call]  # as above
        operation = whole()["paths"].get(path, {}).get(method.lower())
        if operation is not None:
            yield Endpoint(operation=operation, view=type(view), method=getattr(type(view), method.lower()))


def answers(operation: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the answers of an operation by status, references resolved."""
    for status, answer in operation["responses"].items():
        name = answer.get("$ref", "").rpartition("/")[2]
        yield int(status), whole()["components"]["responses"][name] if name else answer


def codes(operation: dict[str, Any]) -> set[str]:
    """Return the codes of all refusals that an operation tells of."""
    return {
        code
        for status, answer in answers(operation)
        if status >= 400
        for code in answer["content"]["application/problem+json"]["examples"]
    }
