"""Refusals are recorded, in a transaction of their own: what was refused changed nothing else."""

import logging

from django.db import DatabaseError, transaction

from platform_api.audit.models import Outcome
from platform_api.audit.services.events import event_record
from platform_api.core import row_scope
from platform_api.core.callers import Caller
from platform_api.core.errors import SlipwayError

logger = logging.getLogger(__name__)


def refusal_record(*, error: SlipwayError, caller: Caller, route: str) -> None:
    """Write down that somebody was refused something; where that fails, the log has it and the answer goes on.

    Args:
        error: What they were told.
        caller: Who they are.
        route: Method and pattern of the address, e.g. ``POST /api/v1/requests``.
    """
    findings = [{"pointer": found.get("pointer"), "code": found.get("code")} for found in error.errors]
    told = {**({"errors": findings} if findings else {}), **error.evidence}
    try:
        with row_scope.platform(), transaction.atomic():  # a refusal may concern a team that is not the caller's
            event_record(
                caller=caller,
                action="call.refused",
                object_type="route",
                object_name=route,
                outcome=Outcome.REFUSED,
                code=error.code,
                reason=error.title,
                after=told or None,
                team_id=error.tenant.team_id if error.tenant else None,
                project_id=error.tenant.project_id if error.tenant else None,
            )
    except DatabaseError:
        logger.exception("a refusal could not be recorded")
