"""Server-sent events as a browser reads them (HTML, section 9.2.6): whole ones count, what is left of one does not."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event that was dispatched."""

    name: str
    mark: str
    data: Any


@dataclass
class Reading:
    """What was read of a stream so far; ids and hints outlive a connection, half an event does not.

    Attributes:
        events: In their order.
        mark: Id of the last one; what is sent as ``Last-Event-ID``.
        retry_seconds: When to come back, as the server said last.
        comments: How many came.
    """

    events: list[Event] = field(default_factory=list)
    mark: str = ""
    retry_seconds: float | None = None
    comments: int = 0
    _rest: bytes = b""

    def begin(self) -> None:
        """Forget what is left of an event that never ended: a new connection begins."""
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Read on."""
        *blocks, self._rest = (self._rest + chunk).split(b"\n\n")
        for block in blocks:
            self._block(block.decode())

    def _block(self, block: str) -> None:
        fields: dict[str, list[str]] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        self.comments += len(fields.pop("", []))
        assert fields.keys() <= {"id", "event", "data", "retry"}, block
        assert all(len(values) == 1 for values in fields.values()), block
        if "retry" in fields:
            self.retry_seconds = int(fields["retry"][0]) / 1000
        self.mark = fields.get("id", [self.mark])[0]
        if "data" in fields:
            self.events.append(Event(fields["event"][0], self.mark, json.loads(fields["data"][0])))


def read(content: bytes) -> Reading:
    """Return what a whole stream says."""
    reading = Reading()
    reading.feed(content)
    return reading
