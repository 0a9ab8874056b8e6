"""What processes of the ordering races do: many calls at once; they are begun by ``environment_process.start``."""

from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""


@dataclass(frozen=True)
class Call:
    """A call; each of many sends the next of the bodies."""

    secret: str
    method: str
    address: str
    bodies: list[Any]
    headers: dict[str, str] = field(default_factory=dict)


def calls(count: int, call: Call) -> list[Answer]:
    """Make so many calls at once, each in a thread, at the same moment as the other processes make theirs."""
    from rest_framework.test import APIClient

    from tests.integration.provisioning.environment_process import meet
    from tests.integration.provisioning.together import at_once

    def one(number: int) -> Answer:
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {call.secret}")
        body = call.bodies[number % len(call.bodies)]
        answer = getattr(client, call.method)(call.address, body, format="json", headers=call.headers)
        return answer.status_code, dict(answer.headers), answer.content

    meet()
    return at_once(count, one)
