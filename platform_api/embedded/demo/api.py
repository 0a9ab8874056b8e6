"""The API as any client sees it: over HTTP, with a token."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from platform_api.core.errors import UnavailableError

_SECONDS = 30
_PROBLEM = "application/problem+json"


class ApiSilentError(UnavailableError):
    """The API did not answer; the text names the call and the reason."""

    code = "api_silent"
    title = "The API does not answer"
    remedy = "Look at the log of the part api; `python manage.py status` tells what runs."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer."""

    call: str
    status: int
    headers: Mapping[str, str]
    # Parsed JSON; None where the body is none.
    body: Any

    @property
    def is_refusal(self) -> bool:
        """Whether this is a problem document."""
        return self.headers.get("content-type") == _PROBLEM

    @property
    def correlation_id(self) -> str:
        """What ties this exchange to its records."""
        return self.headers.get("correlation-id", "")

    @property
    def brief(self) -> str:
        """The answer in one line; of anything but a refusal only the names, for the values may be secret."""
        if self.is_refusal:
            findings = "".join(f"; {finding['pointer']}: {finding['detail']}" for finding in self.body["errors"])
            return f"{self.status} {self.body['code']}: {self.body['detail']}{findings}"
        names = ", ".join(self.body) if isinstance(self.body, dict) else type(self.body).__name__
        return f"{self.status} with {names}"


class Api:
    """Calls under ``/api/v1``; closes its connections when the block ends.

    Args:
        url: Where the API answers, e.g. ``http://127.0.0.1:8000``.
        token: Whose calls they are.
        transport: Another way to reach it, for tests.
    """

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_SECONDS,
            transport=transport,
            trust_env=False,  # no proxy is asked for what runs on this machine
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, seen: str | None = None
    ) -> Answer:
        """Make one call and give whatever answer comes.

        Args:
            method: HTTP method.
            path: With its query, from the root: ``/api/v1/…``.
            body: Sent as JSON unless it is None.
            key: Text of the Idempotency-Key; it is put into quotes, and holds none.
            seen: ETag that the change is made on.

        Raises:
            ApiSilentError: None comes within 30 seconds.
        """
        name = f"{method} {path}"
        headers = {} if key is None else {"Idempotency-Key": f'"{key}"'}
        if seen is not None:
            headers["If-Match"] = seen
        try:
            response = self._client.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ApiSilentError(f"{name} got no answer: {str(error) or type(error).__name__}.") from error
        is_json = "json" in response.headers.get("content-type", "")
        return Answer(
            call=name,
            status=response.status_code,
            headers=response.headers,
            body=response.json() if is_json else None,
        )

    def rows(self, path: str) -> Iterator[dict[str, Any]]:
        """Give every row of a list, page by page.

        Raises:
            ApiSilentError: No answer, or one that is no list.
        """
        page: str | None = path
        while page is not None:
            answer = self.call("GET", page)
            if answer.status != httpx.codes.OK:
                raise ApiSilentError(f"{answer.call} is no list: {answer.brief}.")
            yield from answer.body["results"]
            page = answer.body["next"]
