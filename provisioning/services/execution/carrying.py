"""A worker takes a run, keeps its lease, and carries it out."""

from uuid import UUID

from platform_api.core.failpoints import failpoint
from provisioning import metrics
from provisioning.services.execution.carrier import Carrier
from provisioning.services.execution.claims import Claim, LeaseLostError, run_claim
from provisioning.services.execution.leases import Lease
from provisioning.services.execution.limits import PLAN_SECONDS_DEFAULT
from provisioning.services.execution.workers import Worker
from provisioning.services.execution.zombies import overtaken_report
from provisioning.services.hinting import run_unhint


def run_carry_out(worker: Worker, *, hint: UUID | None) -> UUID | None:
    """Carry out the run of a hint, or whatever waits; return its id, or None where nothing waits.

    1. See that this worker takes runs; else the hint is given back, for others to be told.
    2. Claim. Losing the claim is no error: another worker has it.
    3. Keep the lease from a thread while the steps go on.
    4. A lost lease ends the work at once, and of the run nothing is written any more: it is another's. That this worker
       has been overtaken is told. An unforeseen exception ends the run as ``internal_error``, and is raised.
    """
    failpoint("worker.after_hint")
    if not worker.admission.is_open():
        if hint is not None:
            run_unhint(hint)
        return None
    claim = (_claim(worker, hint) if hint else None) or _claim(worker, None)
    if claim is None:
        return None
    with claim.bound(), Lease(claim, worker.terms) as lease:
        failpoint("worker.after_claim")
        carrier = Carrier(claim=claim, lease=lease, worker=worker)
        try:
            carrier.carry()
        except LeaseLostError:
            metrics.ZOMBIES.inc()
            overtaken_report(claim, has_touched=carrier.has_touched)
    return claim.run_id


def _claim(worker: Worker, run_id: UUID | None) -> Claim | None:
    return run_claim(
        owner=worker.owner,
        pools=list(worker.pools),
        terms=worker.terms,
        plan_seconds=PLAN_SECONDS_DEFAULT,
        run_id=run_id,
    )
