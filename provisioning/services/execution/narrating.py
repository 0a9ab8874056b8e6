"""What a worker tells of a run while it works on it: steps with their times, and what Terraform says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from platform_api.core import tracing
from platform_api.terraform.errors import Failure
from platform_api.terraform.events import Event
from provisioning.models.logs import LogSource
from provisioning.services.execution.claims import Claim
from provisioning.services.execution.records import RunLog


@dataclass
class Narration:
    """The log of one claimed run, and its steps so far."""

    log: RunLog
    steps: list[dict[str, Any]] = field(default_factory=list)

    def say(self, line: str, *, level: str = "info", event: dict[str, Any] | None = None) -> None:
        """Add a line of the platform's own."""
        self.log.write(line, level=level, event=event)

    def flush(self) -> None:
        """Write what waits, for whoever watches."""
        self.log.flush()

    def flush_due(self) -> None:
        """Write what has waited long enough, while nobody says anything."""
        self.log.flush_due()

    def hear(self, event: Event) -> None:
        """Add what Terraform says, with what is known of it."""
        told = {
            name: value
            for name, value in (
                ("kind", event.kind.value),
                ("address", event.address),
                ("action", event.action),
                ("id_key", event.id_key),
                ("id_value", event.id_value),
                ("seconds", event.seconds),
            )
            if value not in {"", None}
        }
        progress = None if event.progress is None else {"percent": event.progress.percent, **asdict(event.progress)}
        self.log.write(
            event.line, source=LogSource.TERRAFORM, level=event.level, event=told, at=event.at, progress=progress
        )

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is done in the block, and note whether it came to its end."""
        began = time.monotonic()
        status = "failed"
        try:
            yield
            status = "done"
        finally:
            self.steps.append({"name": name, "status": status, "seconds": round(time.monotonic() - began, 3)})


def origin_of(claim: Claim) -> dict[str, Any]:
    """Return what ties a log to the logs of all others that had to do with the order."""
    return {"kind": "origin", "correlation_id": claim.correlation_id, "trace_id": tracing.trace_id()}


def told(failure: Failure) -> str:
    """Return a failure in one line."""
    return " ".join(filter(None, (failure.summary, failure.detail)))
