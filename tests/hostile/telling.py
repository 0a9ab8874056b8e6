"""Whether the document tells of an answer: an operation is answered with what it says, and with nothing else."""

import json
import re
from collections.abc import Iterable

from tests.hostile.document import Operation
from tests.hostile.wire import Heard, Sent

_PARAMETER = re.compile(r"\\{\w+\\}")


class Telling:
    """The operations of a document, by what their calls look like."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = [(_pattern(each.path), each) for each in operations]

    def faults(self, sent: Sent, heard: Heard) -> list[str]:
        """Return that an answer is untold; nothing where it is told, or where no operation was called."""
        path = sent.target.partition("?")[0]
        called = [each for pattern, each in self._operations if each.method == sent.method and pattern.match(path)]
        if not called or not heard.headers.get("correlation-id"):
            return []
        answers = min(called, key=lambda each: each.path.count("{")).answers
        if heard.status not in answers:
            return [f"the document tells of no {heard.status}"]
        code = _code(heard)
        if code and code not in answers[heard.status]:
            return [f"the document does not tell that {heard.status} can be {code}"]
        return []


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub("[^/]+", re.escape(path)) + r"\Z")


def _code(heard: Heard) -> str:
    try:
        return str(json.loads(heard.body)["code"]) if heard.status >= 400 else ""
    except (ValueError, KeyError, TypeError):
        return ""
