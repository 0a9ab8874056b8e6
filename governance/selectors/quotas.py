"""Quotas as callers see them, what a subject holds, and whether the ledger agrees with the rows."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet

from governance.models import Pool, Quota, QuotaEntry, ScopeType
from governance.models.quotas import ledger_sum
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix, UnknownIdError, is_id, parse
from platform_api.tenancy.selectors.projects import project_get, teams_visible


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What a subject has in one quota."""

    reserved: int
    used: int


@dataclass(frozen=True, kw_only=True)
class QuotaDifference:
    """A quota whose ledger does not lead to its row."""

    quota: Quota
    ledger_reserved: int
    ledger_used: int


def quotas_of_project(*, caller: Caller, project: str) -> QuerySet[Quota]:
    """Return the quotas that count in a project: its own and its team's.

    Args:
        caller: Who asks.
        project: Slug or id.

    Raises:
        UnknownIdError: There is no such project, or the caller may not see it.
    """
    found = project_get(caller=caller, project=project)
    return Quota.objects.filter(
        Q(scope_type=ScopeType.PROJECT, scope_id=found.pk) | Q(scope_type=ScopeType.TEAM, scope_id=found.team_id)
    )


def quotas_of_team(*, caller: Caller, team: str) -> QuerySet[Quota]:
    """Return a team's own quotas.

    Args:
        caller: Who asks.
        team: Slug or id.

    Raises:
        UnknownIdError: There is no such team, or the caller may not see it.
    """
    named = Q(pk=parse(Prefix.TEAM, team)) if is_id(Prefix.TEAM, team) else Q(slug=team)
    found = teams_visible(caller=caller).filter(named).first()
    if found is None:
        raise UnknownIdError
    return Quota.objects.filter(scope_type=ScopeType.TEAM, scope_id=found.pk)


def holdings(*, subject_id: UUID) -> dict[UUID, Holding]:
    """Return what a subject holds, by quota; exact for whoever has locked the quotas."""
    statement, values = _holdings_statement()
    with connection.cursor() as cursor:
        cursor.execute(statement, (*values, subject_id))
        return {quota_id: Holding(reserved=reserved, used=used) for quota_id, reserved, used in cursor.fetchall()}


@cache
def _holdings_statement() -> tuple[str, tuple[Any, ...]]:
    """Write the statement once: Django takes twenty times as long for it as PostgreSQL for the answer."""
    sums = (
        QuotaEntry.objects.filter(subject_id=UUID(int=0))
        .order_by()
        .values_list("quota_id")
        .annotate(reserved=ledger_sum(Pool.RESERVED), used=ledger_sum(Pool.USED))
    )
    statement, values = sums.query.sql_with_params()
    return statement, values[:-1]  # the last is the subject


def quota_reconcile() -> list[QuotaDifference]:
    """Return the quotas whose ledger and row differ, judged in one statement, and so at one moment.

    Nothing is repaired: a difference means that something wrote a counter without its entry, which a person must see.
    """
    quotas = Quota.objects.annotate(
        ledger_reserved=ledger_sum(Pool.RESERVED, of="entries__"), ledger_used=ledger_sum(Pool.USED, of="entries__")
    ).exclude(reserved=F("ledger_reserved"), used=F("ledger_used"))
    return [
        QuotaDifference(quota=quota, ledger_reserved=quota.ledger_reserved, ledger_used=quota.ledger_used)
        for quota in quotas
    ]
