"""What the API promises of every answer, judged from outside."""

import json
import re
from collections import Counter
from typing import Any

from tests.hostile.wire import Heard, Sent

PROBLEM = "application/problem+json"
MEMBERS = {"type", "title", "status", "code", "detail", "instance", "correlation_id", "errors"}
FINDING = {"pointer", "code", "detail"}
_CODE = re.compile(r"[a-z][a-z0-9_]*\Z")

NOT_HTTP = frozenset({400, 408, 414, 431, 505})
"""What the server itself answers, with nothing in it, to what is no HTTP request; no code of ours ever sees that."""


class Contract:
    """Judges answers, and keeps what must be the same from one to the next.

    Attributes:
        totals: How often each status and code was answered.
    """

    def __init__(self) -> None:
        self.totals: Counter[tuple[int, str]] = Counter()
        self._codes: dict[str, tuple[int, str]] = {}

    def faults(self, sent: Sent, heard: Heard) -> list[str]:
        """Return what is wrong with an answer; nothing where it keeps what is promised."""
        if heard.status in NOT_HTTP | {0} and not heard.body and "correlation-id" not in heard.headers:
            self.totals[heard.status, "not_http"] += 1
            return [] if sent.is_framed or heard.status else ["the connection was closed without an answer"]
        if heard.status < 400:
            self.totals[heard.status, "accepted"] += 1
            return [] if heard.headers.get("correlation-id") else ["no correlation id"]
        found = ["a server error"] if heard.status >= 500 else []
        if sent.method == "HEAD":
            self.totals[heard.status, "head"] += 1
            return found
        return found + self._problem_faults(heard)

    def _problem_faults(self, heard: Heard) -> list[str]:
        try:
            body: dict[str, Any] = json.loads(heard.body)
        except ValueError:
            self.totals[heard.status, "?"] += 1
            return [f"the refusal is no JSON: {heard.body[:80]!r}"]
        code = str(body.get("code"))
        self.totals[heard.status, code] += 1
        found = [f"the problem document has no {name}" for name in sorted(MEMBERS - set(body))]
        if found:
            return found
        known = self._codes.setdefault(code, (heard.status, body["title"]))
        checks = {
            f"the content type is {heard.headers.get('content-type')}": heard.headers.get("content-type") == PROBLEM,
            "the status in the body is another": body["status"] == heard.status,
            f"the code {code!r} is none": _CODE.match(code) is not None,
            f"the code {code} came with {known} before": known == (heard.status, body["title"]),
            f"the type is {body['type']}": body["type"] == f"/docs/problems/{code}",
            "the correlation id of the body is not that of the header": (
                bool(body["correlation_id"]) and body["correlation_id"] == heard.headers.get("correlation-id")
            ),
            "a finding lacks pointer, code or detail": all(
                set(each) >= FINDING and str(each["pointer"]).startswith("#") and _CODE.match(each["code"])
                for each in body["errors"]
            ),
        }
        return [fault for fault, is_kept in checks.items() if not is_kept]
