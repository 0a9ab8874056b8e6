"""A worker that was overtaken says so when it notices: it stops, and what it may have done late is looked for.

No lease can keep a process that was frozen from one more step when it goes on. Its writes are refused by the epoch;
what it did outside is found by a verify run.
"""

import logging

from django.db import DatabaseError, connection, transaction

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from provisioning.services.execution.claims import Claim
from provisioning.services.execution.endings import resource_lock
from provisioning.services.execution.verifying import verify_ask

logger = logging.getLogger(__name__)


def overtaken_report(claim: Claim, *, has_touched: bool) -> None:
    """Record that a worker went on with a run that was not its own any more.

    Of the run itself nothing is written. Where the database does not answer only the log tells.

    Args:
        claim: What the worker believed to hold.
        has_touched: Whether it had begun to change something outside.
    """
    logger.warning("run %s: epoch %d is not the newest any more; stopped", claim.run_id, claim.epoch)
    try:
        with transaction.atomic():
            resource_lock(claim.resource_id)
            event_record(
                caller=claim.caller,
                action="run.overtaken",
                object_type="run",
                object_id=claim.run_id,
                object_name=f"{claim.operation} run",
                team_id=claim.team_id,
                project_id=claim.project_id,
                after={"attempt": claim.attempt, "epoch": claim.epoch, "worker": claim.owner},
                outcome=Outcome.FAILED,
                code="lease_lost",
                reason="The worker was overtaken, or had to take it for granted; it stopped, and changed nothing here.",
            )
            if has_touched:
                verify_ask(caller=claim.caller, resource_id=claim.resource_id, seconds=0)
    except DatabaseError:
        logger.warning("run %s: that its worker was overtaken could not be recorded", claim.run_id)
        connection.close()
