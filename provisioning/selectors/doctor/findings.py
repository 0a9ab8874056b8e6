"""What is found of one run or request that is not final, as people and programs read it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What it waits for, and what to do.

    Attributes:
        code: Permanent snake_case name.
        waits_for: In a person's words.
        remedy: The command or call, ready to be copied; or that nothing needs to be done.
        needs_person: Whether it goes on only if somebody does that.
    """

    code: str
    waits_for: str
    remedy: str
    needs_person: bool = False


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a run.

    Attributes:
        owner: The name in the lease.
        host: Where it works.
        process: Its number there; empty where the name tells none.
        epoch: Its right to write, which a newer one ends.
    """

    owner: str
    host: str
    process: str
    epoch: int

    @classmethod
    def of(cls, owner: str, epoch: int) -> "Holder":
        """Read the name of a worker: host, process, and a random part."""
        host, _, rest = owner.partition(":")
        return cls(owner=owner, host=host, process=rest.partition(":")[0], epoch=epoch)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One run, or one request that has no run, with all that explains it. Times are the database's.

    Attributes:
        kind: ``run`` or ``request``.
        id: As the API shows it.
        resource: Its name.
        resource_id: As the API shows it.
        project: Its project's slug.
        since: When it came to where it stands.
        holder: Who holds it; None where nobody does.
        attempt: How often it was begun; None for a request.
        last_sign_at: When its holder gave the last sign of life.
        lease_until: When its holder has lost it, if no further sign comes.
        deadline: When its holder has to be done.
        last_line: What its log said last, and when.
    """

    kind: str
    id: str
    operation: str
    status: str
    resource: str
    resource_id: str
    project: str
    since: datetime
    now: datetime
    verdict: Verdict
    holder: Holder | None = None
    attempt: int | None = None
    last_sign_at: datetime | None = None
    lease_until: datetime | None = None
    deadline: datetime | None = None
    last_line: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding for programs; its verdict's members stand beside its own."""
        told = {**asdict(self), **asdict(self.verdict)}
        del told["verdict"]
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that is not final.

    Attributes:
        findings: What needs a person first, then the oldest; as many as were wanted.
        total: How many there are.
        in_need: How many of them need a person.
    """

    findings: tuple[Finding, ...]
    total: int
    in_need: int

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        told = [finding.as_json() for finding in self.findings]
        return {"total": self.total, "need_a_person": self.in_need, "findings": told}
