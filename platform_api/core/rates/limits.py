"""Whether a call comes too soon after others: by the rates of the settings, for all processes together where possible.

Where the Valkey does not answer, reads pass and writes are judged by this process alone: what is lost is how exact the
limit is, never the service. Failed log-ins are always judged by this process alone; they need no agreement.
"""

from functools import lru_cache

from django.conf import settings

from platform_api.core import metrics
from platform_api.core.rates.buckets import Buckets
from platform_api.core.rates.shared import SharedBuckets, ValkeySilentError
from platform_api.core.rates.terms import Rate, RateKind, Verdict

_own = Buckets()


@lru_cache(maxsize=1)
def _shared(url: str) -> SharedBuckets:
    return SharedBuckets(url)


def rate_of(kind: RateKind) -> Rate | None:
    """Return the rate of a kind of call; None where it is not limited."""
    per_minute, burst = settings.RATES[kind]
    return Rate(per_minute=per_minute, burst=burst) if per_minute else None


def rate_take(kind: RateKind, holder: str) -> Verdict | None:
    """Judge one call.

    Args:
        kind: What is limited.
        holder: Whose calls are counted together: a token, or an address.

    Returns:
        What is said of it; None where nothing can be said, and it may go on.
    """
    rate = rate_of(kind)
    if rate is None:
        return None
    verdict = _judged(kind, f"{kind}:{holder}", rate)
    if verdict is not None and not verdict.is_allowed:
        metrics.RATE_REFUSALS.labels(kind.value).inc()
    return verdict


def _judged(kind: RateKind, holder: str, rate: Rate) -> Verdict | None:
    if kind is RateKind.ATTEMPT:
        return _own.take(holder, rate)
    try:
        return _shared(settings.CELERY["broker_url"]).take(holder, rate)
    except ValkeySilentError:
        metrics.RATE_FALLBACKS.inc()
        return None if kind is RateKind.READ else _own.take(holder, rate)
