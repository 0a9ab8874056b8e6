"""F5's seeded bugs: each takes one promise out of the product, in the processes that are started with its name.

Nothing of it is in shipped code: what is loaded is changed in memory. A name that is not there any more fails loudly.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q

_FENCE = " AND epoch = %(epoch)s AND lease_owner = %(owner)s"
_SERVICES = "provisioning.services"


def mutate(name: str) -> None:
    """Put a bug in."""
    MUTATIONS[name]()


def _set(path: str, make: Callable[[Any], Any]) -> None:
    """Replace what a dotted path names by what is made of it."""
    module_name, _, name = path.rpartition(".")
    module = importlib.import_module(module_name)
    setattr(module, name, make(getattr(module, name)))


def _cut(path: str, text: str, instead: str = "") -> None:
    """Take a piece out of an SQL text."""

    def cut(sql: str) -> str:
        if text not in sql:
            raise AttributeError(f"{path} has no {text!r}")
        return sql.replace(text, instead)

    _set(path, cut)


def _no_fence() -> None:
    def unfenced(claim: Any) -> Q:
        return Q(pk=claim.run_id)

    for module in ("claims", "records"):
        _set(f"{_SERVICES}.execution.{module}.fenced", lambda _: unfenced)
    _cut(f"{_SERVICES}.execution.records._INSERT_LINES", _FENCE)
    _unfence_states()


def _unfence_states() -> None:
    _cut(
        f"{_SERVICES}.execution.records._INSERT_STATE",
        " AND epoch = %(epoch)s::bigint AND lease_owner = %(owner)s",
    )


def _late_state() -> None:
    from provisioning.services.execution.claims import LeaseLostError
    from provisioning.services.execution.records import RunLog

    flush = RunLog.flush

    def told_to_nobody(self: RunLog) -> None:
        try:
            flush(self)
        except LeaseLostError:
            return

    RunLog.flush = told_to_nobody  # type: ignore[method-assign]
    _unfence_states()


def _no_reaper() -> None:
    def nobody() -> Any:
        from provisioning.models import Run

        return Run.objects.none()

    _set(f"{_SERVICES}.reconcile.runs_lost", lambda _: nobody)


def _no_idempotency() -> None:
    from dataclasses import replace

    _set(
        "provisioning.api.requests.order_key_of",
        lambda of: lambda *arguments, **options: replace(of(*arguments, **options), key=None),
    )


def _no_quota_guard() -> None:
    _cut(f"{_SERVICES}.ordering.provisioning.SUBMIT", ' AND reserved + used + requested <= "limit"')


def _blind_reapply() -> None:
    from platform_api.terraform.local import LocalRun

    apply = LocalRun.apply

    def again(self: LocalRun, **options: Any) -> Any:
        applied = apply(self, **options)
        return applied if applied.failure is None else apply(self, **options)

    LocalRun.apply = again  # type: ignore[method-assign]


def _hinted_once() -> None:
    _cut(
        f"{_SERVICES}.hinting._TO_HINT",
        "(hinted_at IS NULL OR hinted_at <= clock_timestamp() - make_interval(secs => %(hint_seconds)s))",
        "hinted_at IS NULL",
    )


def _delete_ignored() -> None:
    from provisioning.states import Operation

    _set(
        f"{_SERVICES}.intents._without_run",
        lambda without: lambda: without().exclude(operation=Operation.DEPROVISION),
    )
    _set(f"{_SERVICES}.ordering.changing._make_way", lambda _: lambda *_: None)


def _unaudited() -> None:
    from provisioning.states import RunStatus

    _set(
        f"{_SERVICES}.execution.claims.run_event",
        lambda record: lambda claim, to, **told: None if to is RunStatus.APPLIED else record(claim, to, **told),
    )


def _forgotten() -> None:
    _set(f"{_SERVICES}.execution.carrier.objects_left", lambda _: lambda *_: ())
    for module in ("execution.carrier", "reaping"):
        _set(f"{_SERVICES}.{module}.remains_unseen", lambda _: lambda **_: ())


MUTATIONS: Mapping[str, Callable[[], None]] = {
    "no-fence": _no_fence,
    "late-state": _late_state,
    "no-reaper": _no_reaper,
    "no-idempotency": _no_idempotency,
    "no-quota-guard": _no_quota_guard,
    "blind-reapply": _blind_reapply,
    "hinted-once": _hinted_once,
    "delete-ignored": _delete_ignored,
    "unaudited": _unaudited,
    "forgotten": _forgotten,
}
