"""What an apply did to each object, by its own words: how far it is, and what is in doubt if it breaks off."""

from dataclasses import dataclass, replace
from enum import StrEnum

from platform_api.terraform.events import Event, EventKind, Progress


class StepStatus(StrEnum):
    """How far the work on an object got."""

    STARTED = "started"  # in doubt, if the apply is over: it may exist or not
    COMPLETE = "complete"
    ERRORED = "errored"


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    """One action on one object. A replacement is two entries: the delete and the create."""

    address: str
    action: str
    status: StepStatus

    id_key: str = ""
    """Attribute by which the object can be looked up or imported; empty until it is known."""

    id_value: str = ""


_STATUSES = {
    EventKind.APPLY_START: StepStatus.STARTED,
    EventKind.APPLY_COMPLETE: StepStatus.COMPLETE,
    EventKind.APPLY_ERRORED: StepStatus.ERRORED,
}


class Journal:
    """Keeps the entries of one apply, in the order in which work began."""

    def __init__(self, total: int) -> None:
        """Begin a journal.

        Args:
            total: How many actions the plan holds; a replacement counts two.
        """
        self._total = total
        self._entries: dict[tuple[str, str], JournalEntry] = {}

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """All entries so far."""
        return tuple(self._entries.values())

    @property
    def progress(self) -> Progress:
        """How far the apply is."""
        started = [entry.address for entry in self.entries if entry.status is StepStatus.STARTED]
        done = sum(entry.status is StepStatus.COMPLETE for entry in self.entries)
        return Progress(done=done, total=self._total, current=started[-1] if started else "")

    def take(self, event: Event) -> Event:
        """Note an event; returns it with the progress after it, or as it was if it is not about an apply."""
        status = None if event.action == "read" else _STATUSES.get(event.kind)
        if status is not None and event.address:
            before = self._entries.get((event.address, event.action))
            self._entries[event.address, event.action] = JournalEntry(
                address=event.address,
                action=event.action,
                status=status,
                id_key=event.id_key or (before.id_key if before else ""),
                id_value=event.id_value or (before.id_value if before else ""),
            )
        is_about_apply = status is not None or event.kind is EventKind.APPLY_PROGRESS
        return replace(event, progress=self.progress) if is_about_apply else event
