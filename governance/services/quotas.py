"""Quotas are reserved, committed and released; every move is one statement that also writes its ledger entry.

The database is the referee: a move that would lead above the limit changes no row. All services move quotas in one
order (``Quota.Meta.ordering``), so that they wait for each other and never in a circle.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from governance.models import EntryMove, Pool, Quota, QuotaEntry
from governance.models.quotas import POINTS
from governance.selectors.quotas import Holding, holdings
from governance.services.quota_limits import ProjectFacts, quotas_ensure, quotas_peek
from platform_api.core.callers import Caller
from platform_api.core.errors import RequestRefusedError
from platform_api.core.ids import new_id

MOVE = """
WITH moved AS (
    UPDATE quota SET reserved = reserved + %(reserved)s::int, used = used + %(used)s::int
    WHERE id = %(quota)s::uuid
      AND (%(reserved)s::int + %(used)s::int <= 0
           OR reserved + used + %(reserved)s::int + %(used)s::int <= "limit")
    RETURNING id, reserved, used
)
INSERT INTO quota_entry (id, quota_id, subject_id, move, pool, amount, reserved_after, used_after, actor_name, reason)
SELECT %(entry)s::uuid, id, %(subject)s::uuid, %(move)s::text, %(pool)s::text, %(amount)s::int, reserved, used,
       %(actor)s::text, %(reason)s::text
FROM moved
"""

NOTHING = Holding(reserved=0, used=0)

Taken = tuple[Quota, int]
"""A quota as it stands now, and how much more was taken of it."""


class QuotaExceededError(RequestRefusedError):
    """More is asked than a quota has left; has one finding for each quota that is exceeded."""


class _Ledger:
    """Writes the moves of one subject, on behalf of one caller."""

    def __init__(self, *, subject_id: UUID, caller: Caller, reason: str) -> None:
        self.subject_id, self.caller, self.reason = subject_id, caller, reason

    def move(self, quota: Quota, move: EntryMove, pool: Pool, amount: int) -> bool:
        """Move a counter and write it down; False where the limit forbids it, and nothing was changed."""
        with connection.cursor() as cursor:
            cursor.execute(MOVE, self._values(quota, move, pool, amount))
            return bool(cursor.rowcount)

    def give(self, moves: Sequence[tuple[Quota, EntryMove, Pool, int]]) -> None:
        """Move counters, none of them above its limit; all in one exchange with the database."""
        with connection.cursor() as cursor:
            cursor.executemany(MOVE, [self._values(*move) for move in moves])

    def _values(self, quota: Quota, move: EntryMove, pool: Pool, amount: int) -> dict[str, Any]:
        reserved, used = _changes(move, pool, amount)
        return {
            "quota": quota.pk,
            "reserved": reserved,
            "used": used,
            "entry": new_id(),
            "subject": self.subject_id,
            "move": move.value,
            "pool": pool.value,
            "amount": amount,
            "actor": self.caller.name,
            "reason": self.reason,
        }


def _changes(move: EntryMove, pool: Pool, amount: int) -> tuple[int, int]:
    """Return what a move adds to reserved and to used; the counterpart in SQL is ``models.quotas.ledger_sum``."""
    if move == EntryMove.COMMIT:
        return -amount, amount
    signed = -amount if move == EntryMove.RELEASE else amount
    return (signed, 0) if pool == Pool.RESERVED else (0, signed)


def quota_reserve_together(
    *, facts: ProjectFacts, amounts: Mapping[UUID, Mapping[str, int]], caller: Caller, reason: str = ""
) -> dict[UUID, list[Taken]]:
    """Reserve for several subjects, or for none; what they need together is judged as one.

    All quotas are locked before the first is moved: subject by subject they would be taken in no common order.

    Args:
        facts: The project that orders.
        amounts: How much of each kind, by the resource that will hold it.
        caller: Who orders; stands in the ledger.
        reason: Why, for the ledger.

    Returns:
        What was taken for each subject, with the figures just after.

    Raises:
        QuotaExceededError: With one finding for each quota that has too little left; nothing was reserved.
    """
    totals = amounts_together(amounts.values())
    with transaction.atomic():
        quotas = _locked([quota.pk for quota in quotas_ensure(facts=facts, kinds=totals)])
        _refuse_exceeded(
            [
                _finding(quota, requested=totals[quota.kind])
                for quota in quotas
                if quota.held + totals[quota.kind] > quota.limit
            ]
        )
        taken: dict[UUID, list[Taken]] = {}
        for subject_id, wanted in amounts.items():
            ledger = _Ledger(subject_id=subject_id, caller=caller, reason=reason)
            for quota in quotas:
                if amount := wanted.get(quota.kind, 0):
                    if not ledger.move(quota, EntryMove.RESERVE, Pool.RESERVED, amount):
                        msg = f"quota {quota.pk} is locked and yet moved"
                        raise RuntimeError(msg)
                    quota.reserved += amount
                    taken.setdefault(subject_id, []).append((copy(quota), amount))
    return taken


def amounts_together(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return what several need of each kind altogether."""
    totals = Counter[str]()
    for each in amounts:
        totals.update(each)
    return dict(totals)


def quotas_lock(*, subject_ids: Collection[UUID]) -> None:
    """Lock whatever several subjects hold: one after the other they would be taken in no common order."""
    held = QuotaEntry.objects.filter(subject_id__in=subject_ids).order_by()
    _locked(list(held.values_list("quota_id", flat=True).distinct()))


def quota_commit(*, subject_id: UUID, caller: Caller, reason: str = "") -> None:
    """Count as used whatever the subject has reserved: it is there now. A second time changes nothing."""
    ledger = _Ledger(subject_id=subject_id, caller=caller, reason=reason)
    with transaction.atomic():
        held = _held(subject_id)
        ledger.give([(quota, EntryMove.COMMIT, Pool.RESERVED, has.reserved) for quota, has in held if has.reserved])


def quota_release(*, subject_id: UUID, pools: Sequence[Pool], caller: Caller, reason: str = "") -> None:
    """Give back what the subject holds. A second time changes nothing.

    Args:
        subject_id: The resource.
        pools: ``RESERVED`` when a reservation came to nothing, both when the resource is gone.
        caller: Who gives back.
        reason: Why, for the ledger.
    """
    ledger = _Ledger(subject_id=subject_id, caller=caller, reason=reason)
    with transaction.atomic():
        held = _held(subject_id)
        amounts = [
            (quota, EntryMove.RELEASE, pool, has.reserved if pool == Pool.RESERVED else has.used)
            for quota, has in held
            for pool in pools
        ]
        ledger.give([move for move in amounts if move[-1]])


def quota_change(
    *,
    facts: ProjectFacts,
    subject_id: UUID,
    amounts: Mapping[str, int],
    caller: Caller,
    reason: str = "",
    gives_back: bool = True,
) -> list[Taken]:
    """Make a subject hold these amounts: what it needs more is reserved, what it needs less is given back.

    More is asked for before the change is made, and committed when it is made; less is given back when it is made. What
    is given back comes from what is reserved first. A second time changes nothing.

    Args:
        facts: The project that the subject is in.
        subject_id: The resource.
        amounts: How much of each kind it will hold, 0 or more; kinds that are not named stay.
        caller: Who changes.
        reason: Why, for the ledger.
        gives_back: Whether what it needs less is given back now; False before a change that has yet to be made.

    Returns:
        What was taken besides what it held; nothing where it needs no more than that.

    Raises:
        QuotaExceededError: With one finding for each quota that has too little left; nothing was changed.
    """
    ledger = _Ledger(subject_id=subject_id, caller=caller, reason=reason)
    with transaction.atomic():
        quotas = _locked([quota.pk for quota in quotas_ensure(facts=facts, kinds=amounts)])
        held_by_quota = holdings(subject_id=subject_id)
        findings, more_of = list[dict[str, Any]](), dict[UUID, int]()
        for quota in quotas:
            held = held_by_quota.get(quota.pk, NOTHING)
            more = amounts[quota.kind] - held.reserved - held.used
            if more > 0:
                if not ledger.move(quota, EntryMove.ADJUST, Pool.RESERVED, more):
                    findings.append(_finding(quota, requested=more))
                more_of[quota.pk] = more
                continue
            if not gives_back:
                continue
            from_reserved = min(-more, held.reserved)
            for pool, less in ((Pool.RESERVED, from_reserved), (Pool.USED, -more - from_reserved)):
                if less:
                    ledger.move(quota, EntryMove.ADJUST, pool, -less)
        _refuse_exceeded(findings)
        return [(quota, more_of[quota.pk]) for quota in _locked(list(more_of))]


def quota_findings(*, facts: ProjectFacts, amounts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return which quotas have too little left for these amounts at this moment; changes nothing.

    Args:
        facts: The project that orders.
        amounts: How much of each kind would be reserved.
    """
    return [
        _finding(quota, requested=amounts[quota.kind])
        for quota in quotas_peek(facts=facts, kinds=amounts)
        if quota.held + amounts[quota.kind] > quota.limit
    ]


def _locked(quota_ids: Sequence[UUID] | QuerySet[QuotaEntry, Any]) -> list[Quota]:
    return list(Quota.objects.select_for_update(no_key=True).filter(pk__in=quota_ids))


def _held(subject_id: UUID) -> list[tuple[Quota, Holding]]:
    """Return the quotas that a subject has entries in, locked, with what it holds there.

    The ledger is read by a statement of its own after the locks are held: one that waited for a lock would go on to
    judge by what it saw before it waited, and a doubled call would move the same amount twice.
    """
    quotas = _locked(QuotaEntry.objects.filter(subject_id=subject_id).order_by().values("quota_id"))
    held = holdings(subject_id=subject_id)
    return [(quota, held.get(quota.pk, NOTHING)) for quota in quotas]


def _refuse_exceeded(findings: Sequence[dict[str, Any]]) -> None:
    if findings:
        count = "One quota refuses" if len(findings) == 1 else f"{len(findings)} quotas refuse"
        raise QuotaExceededError(f"{count} it. Nothing was changed.", errors=findings)


def _finding(quota: Quota, *, requested: int) -> dict[str, Any]:
    """Return why a quota has too little left, in the shape of a problem document's errors."""
    if quota.kind == POINTS:
        what = "point" if requested == 1 else "points"
    else:
        what = f"of kind {quota.kind.partition(':')[2]}"
    return {
        "pointer": "#/project",
        "code": "quota_exceeded",
        "kind": quota.kind,
        "scope": quota.scope_name,
        "limit": quota.limit,
        "used": quota.held,
        "requested": requested,
        "detail": f"{requested} {what} asked, {max(quota.limit - quota.held, 0)} left in {quota.scope_name}.",
        "remedy": "Give back what is not needed, or ask the platform team to raise the limit.",
    }
