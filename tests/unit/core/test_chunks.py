from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import pytest

from platform_api.core.http.chunks import ChunkedBodies
from platform_api.core.http.parsers import MAX_BODY_BYTES

CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def handed_on(body: bytes, **environ: Any) -> tuple[str | None, bytes]:
    """What the application within is told of the length, and what it can read."""
    found: list[tuple[str | None, bytes]] = []

    def application(environ: dict[str, Any], _start: Callable[..., Any]) -> Iterable[bytes]:
        found.append((environ.get("CONTENT_LENGTH"), environ["wsgi.input"].read()))
        return []

    ChunkedBodies(application)({"wsgi.input": BytesIO(body), **environ}, lambda: None)
    return found[0]


def test_a_chunked_body_gets_its_length() -> None:
    assert handed_on(b'{"a": 1}', **CHUNKED) == ("8", b'{"a": 1}')


def test_of_a_chunked_body_that_is_too_large_a_byte_more_than_is_allowed_is_handed_on() -> None:
    length, body = handed_on(b"x" * (MAX_BODY_BYTES + 1000), **CHUNKED)
    assert (length, len(body)) == (str(MAX_BODY_BYTES + 1), MAX_BODY_BYTES + 1)


def test_a_chunked_body_that_never_came_is_not_an_absent_one() -> None:
    assert handed_on(b"", **CHUNKED) == ("1", b" ")


@pytest.mark.parametrize("environ", [{}, {"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "3"}])
def test_any_other_body_is_left_alone(environ: dict[str, Any]) -> None:
    assert handed_on(b"abc", **environ) == (environ.get("CONTENT_LENGTH"), b"abc")
