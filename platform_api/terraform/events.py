"""What Terraform tells while it works: its JSON lines, read into events that are safe to show."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from platform_api.core.clock import now
from platform_api.process.output import LINE_LIMIT_BYTES
from platform_api.terraform.redaction import Redactor

_CUT = f"(a line of more than {LINE_LIMIT_BYTES // 1024} KiB was left out)"


class EventKind(StrEnum):
    """What an event is about; Terraform's own words."""

    PLANNED_CHANGE = "planned_change"  # an object will change
    CHANGE_SUMMARY = "change_summary"  # how many objects will change, or did
    APPLY_START = "apply_start"  # work on an object began
    APPLY_PROGRESS = "apply_progress"  # it still goes on; every 10 s
    APPLY_COMPLETE = "apply_complete"  # it is done
    APPLY_ERRORED = "apply_errored"  # it failed
    DIAGNOSTIC = "diagnostic"  # an error or a warning
    OUTPUTS = "outputs"  # the outputs are known; the event leaves their values out
    LOG = "log"  # all else, also lines that are no JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostic:
    """An error or a warning of Terraform or of a provider, redacted. Code snippets are left out: they quote values."""

    severity: str
    """``error`` or ``warning``."""

    summary: str
    detail: str = ""
    address: str = ""
    """The object concerned; empty where none is."""

    place: str = ""
    """File and line of the module, ``main.tf:12``; empty where none is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far an apply is."""

    done: int
    total: int
    current: str
    """Address of the object that was begun last and is not done; empty between objects."""

    @property
    def percent(self) -> int:
        """Whole percent, 0 to 100; an apply with nothing to do is at 100."""
        return min(100, self.done * 100 // self.total) if self.total else 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One thing that Terraform said. No field holds a secret; who keeps events gives them their sequence."""

    kind: EventKind
    at: datetime
    """When, by Terraform's clock; by ours where the line has no time."""

    line: str
    """The same as a sentence for people."""

    level: str = "info"
    """``debug``, ``info``, ``warn`` or ``error``."""

    address: str = ""
    """The object concerned; empty where none is."""

    action: str = ""
    """What is done to it: ``create``, ``update``, ``delete``, ``replace``, ``read``; empty where nothing is."""

    id_key: str = ""
    """Attribute by which the object is known (``name``); told when work on it ends, and before it is destroyed."""

    id_value: str = ""
    """That attribute's value."""

    seconds: int | None = None
    """How long the work on the object has taken so far."""

    diagnostic: Diagnostic | None = None

    progress: Progress | None = None
    """How far the apply is after this event; only with the ``apply_...`` kinds."""


def event_read(line: str, redactor: Redactor) -> Event:
    """Read one line of Terraform's output.

    Args:
        line: Without its end. What is no JSON object of Terraform's becomes a log event.
        redactor: Knows the run's secrets.
    """
    if len(line.encode("utf-8", errors="replace")) >= LINE_LIMIT_BYTES:
        # The cut may go through a secret, of which the redactor would not know the half.
        return Event(kind=EventKind.LOG, at=now(), line=_CUT)
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("@message"), str):
        return Event(kind=EventKind.LOG, at=now(), line=redactor.text(line))
    fields = redactor.value(content)
    hook = _object(fields, "hook") or _object(fields, "change")
    return Event(
        kind=_kind(fields.get("type")),
        at=_time(fields.get("@timestamp")),
        line=fields["@message"],
        level=_text(fields, "@level") or "info",
        address=_text(_object(hook, "resource"), "addr"),
        action=_text(hook, "action"),
        id_key=_text(hook, "id_key"),
        id_value=_text(hook, "id_value"),
        seconds=_seconds(hook.get("elapsed_seconds")),
        diagnostic=_diagnostic(fields),
    )


def _kind(word: object) -> EventKind:
    try:
        return EventKind(str(word))
    except ValueError:
        return EventKind.LOG


def _diagnostic(fields: Mapping[str, Any]) -> Diagnostic | None:
    content = _object(fields, "diagnostic")
    if not content:
        return None
    position = _object(content, "range")
    line = _object(position, "start").get("line")
    return Diagnostic(
        severity=_text(content, "severity") or "error",
        summary=_text(content, "summary"),
        detail=_text(content, "detail"),
        address=_text(content, "address"),
        place=f"{position['filename']}:{line}" if _text(position, "filename") else "",
    )


def _time(text: object) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return now()
    return at if at.tzinfo is not None else now()


def _seconds(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 <= value < float("inf") else None


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
