"""What an operation tells of itself beyond types: what it can be refused with, and which headers its answers have.

Each part that a call passes declares its own refusals once: authentication, permissions, parser, parameters
(``raises``); a view adds those of the services that it calls. The document of an operation is the sum of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiParameter, extend_schema

from platform_api.core.errors import SlipwayError

Method = TypeVar("Method", bound=Callable[..., Any])
Raises = Sequence[type[SlipwayError]]


class Parameter(OpenApiParameter):
    """A parameter, with what it brings along.

    Attributes:
        raises: What a call is refused with because of it.
        headers: What successful answers have because of it.
        answers: Statuses without a body that there are because of it.
    """

    def __init__(
        self,
        name: str,
        *args: Any,
        raises: Raises = (),
        headers: Sequence[str] = (),
        answers: Sequence[int] = (),
        **options: Any,
    ) -> None:
        super().__init__(name, *args, **options)
        self.raises, self.headers, self.answers = tuple(raises), tuple(headers), tuple(answers)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a view's method tells of itself.

    Attributes:
        raises: What the services that it calls refuse with.
        headers: What its successful answers have.
        reads_body: Whether a body is read and judged, though the document shows none: it has to be empty.
        query: Names of the query parameters that it takes.
    """

    raises: tuple[type[SlipwayError], ...] = ()
    headers: tuple[str, ...] = ()
    reads_body: bool = False
    query: frozenset[str] = frozenset()


def operation(
    operation_id: str,
    *,
    responses: Mapping[Any, Any],
    request: Any = None,
    parameters: Sequence[OpenApiParameter] = (),
    raises: Raises = (),
    headers: Sequence[str] = (),
    reads_body: bool = False,
    **options: Any,
) -> Callable[[Method], Method]:
    """Describe a view's method to the OpenAPI document; its docstring says what for.

    Args:
        operation_id: Permanent name; clients are generated with it.
        responses: Shape by status of success, or by status and media type; None for an answer without a body.
        request: Shape of the body; None where there is none.
        parameters: Query and headers.
        raises: What the services that it calls refuse with.
        headers: What its successful answers have, besides those of the parameters.
        reads_body: Whether a body that is sent though none is wanted is judged.
        **options: As ``extend_schema`` takes them.
    """

    def described(method: Method) -> Method:
        result: Method = extend_schema(
            operation_id=operation_id, request=request, responses=responses, parameters=list(parameters), **options
        )(method)
        told = Told(
            raises=tuple(raises),
            headers=tuple(headers),
            reads_body=reads_body or request is not None,
            query=frozenset(each.name for each in parameters if each.location == OpenApiParameter.QUERY),
        )
        result.told = told  # type: ignore[attr-defined]  # where extend_schema keeps what it is told, too
        return result

    return described


def told_of(view: object, method: str) -> Told | None:
    """Return what a method of a view tells of itself; None, where it is not described."""
    return getattr(getattr(view, method.lower(), None), "told", None)
