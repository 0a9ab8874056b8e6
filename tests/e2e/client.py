"""A person's way to the running service: its HTTP API, and nothing else."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

FINAL_SECONDS = 40
"""A run takes about a second; with a lost worker its lease of 4 s, a pass of the dispatcher and a new start."""

RETRY_SECONDS = 10
"""After a restart of the database each of the API's pooled connections answers one call with 503."""

FINAL = {"completed", "failed", "canceled"}
Json = dict[str, Any]


@dataclass
class Client:
    """One token's calls.

    Attributes:
        project: Slug of the project that it orders in.
        http: Calls the API with the token.
        heard: The body of every answer but those that show credentials.
    """

    project: str
    http: httpx.Client
    heard: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, *, api_url: str, project: str, token: str) -> Self:
        """Make a client; no proxy of the environment comes between."""
        headers = {"Authorization": f"Bearer {token}"}
        return cls(project, httpx.Client(base_url=f"{api_url}/api/v1", headers=headers, timeout=10, trust_env=False))

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call an address below ``/api/v1``, and keep the answer; a 503 is tried again, as it asks for."""
        deadline = time.monotonic() + RETRY_SECONDS
        headers = {"Idempotency-Key": f'"{uuid.uuid4()}"', **options.pop("headers", {})}
        while True:
            answer = self.http.request(method, path, headers=headers, **options)
            self.heard.append(answer.content)
            if answer.status_code != 503 or time.monotonic() > deadline:
                return answer
            assert "Retry-After" in answer.headers
            time.sleep(0.1)

    def get(self, path: str, **query: str) -> Json:
        """Read an object or a list."""
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def submit(self, body: Json, **headers: str) -> httpx.Response:
        """Send an ask, whatever is answered."""
        return self.call("POST", "requests", json=body, headers=headers)

    def order(self, name: str, **more: Any) -> Json:
        """Order a small database; returns the accepted request."""
        return _accepted(self.submit(self.ask(name, **more)))

    def ask(self, name: str, **more: Any) -> Json:
        """Word an order of a small database."""
        return {
            "operation": "provision",
            "offering": "postgres-database",
            "plan": "small",
            "project": self.project,
            "name": name,
            "reason": "a test of the whole stack",
            **more,
        }

    def order_stubbornly(self, name: str) -> Json:
        """Order as a careful script does: the same key again, until it is told that the order was accepted."""
        key, deadline = f'"{uuid.uuid4()}"', time.monotonic() + FINAL_SECONDS
        while True:
            try:
                answer = self.submit(self.ask(name), **{"Idempotency-Key": key})
                if answer.status_code == 202:
                    return _accepted(answer)
            except httpx.TransportError as error:
                answer = httpx.Response(0, text=str(error))
            assert time.monotonic() < deadline, f"not accepted: {answer.status_code} {answer.text}"
            time.sleep(0.1)

    def finish(self, request: Json, *, seconds: float = FINAL_SECONDS) -> Json:
        """Wait until a request is final, and return it."""
        deadline = time.monotonic() + seconds
        while (found := self.get(f"requests/{request['id']}"))["status"] not in FINAL:
            assert time.monotonic() < deadline, f"not final in {seconds} s: {found}"
            time.sleep(0.05)
        return found

    def provision(self, name: str, **more: Any) -> Json:
        """Order a small database, wait for it, and return the resource."""
        done = self.finish(self.order(name, **more))
        assert done["status"] == "completed", done
        return self.get(f"resources/{done['resource']['id']}")

    def update(self, resource: Json, **change: Any) -> Json:
        """Change a resource; returns the accepted request."""
        path = f"resources/{resource['id']}"
        seen = {"If-Match": self.call("GET", path).headers["ETag"]}
        return _accepted(self.call("PATCH", path, json={"reason": "resize", **change}, headers=seen))

    def rotate(self, resource: Json) -> Json:
        """Ask for new credentials of a resource; returns the accepted request."""
        body = {"reason": "it stood in a chat"}
        return _accepted(self.call("POST", f"resources/{resource['id']}/credentials/rotate", json=body))

    def deprovision(self, resource: Json) -> Json:
        """Give a resource back; returns the accepted request."""
        return _accepted(self.call("DELETE", f"resources/{resource['id']}", params={"confirm": resource["name"]}))

    def reveal(self, resource: Json) -> dict[str, str]:
        """Take a resource's credentials; the one answer that is not kept in ``heard``."""
        answer = self.http.post(f"resources/{resource['id']}/credentials")
        assert answer.status_code == 201, answer.text
        shown: dict[str, str] = answer.json()
        return shown

    def log(self, request: Json) -> list[Json]:
        """Read the log of a request's newest run."""
        lines: list[Json] = self.get(f"runs/{request['run']['id']}/log")["lines"]
        return lines


def _accepted(answer: httpx.Response) -> Json:
    assert answer.status_code == 202, answer.text
    body: Json = answer.json()
    return body
