"""What one process of the race tests does; started afresh, so that it shares nothing with the test but the database."""

import os
import random
from uuid import UUID


def start(database: str) -> None:
    """Load Django in a new process, on one database."""
    os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + database
    import django

    django.setup()


def reserve(facts: dict[str, object], amount: int) -> bool:
    """Try to reserve points once; tell whether it was granted."""
    from django.db import connection

    from governance.services.quota_limits import ProjectFacts
    from governance.services.quotas import QuotaExceededError, quota_reserve_together
    from platform_api.core.callers import system_caller
    from platform_api.core.ids import new_id

    try:
        quota_reserve_together(
            facts=ProjectFacts(**facts),  # type: ignore[arg-type]  # as asdict() made it
            amounts={new_id(): {"points": amount, "count:database": 1}},
            caller=system_caller("race"),
        )
    except QuotaExceededError:
        return False
    finally:
        connection.close()
    return True


def wander(facts: list[dict[str, object]], subjects: list[UUID], seed: int, steps: int) -> int:
    """Reserve, commit, change and release at random, also twice and for subjects of other processes.

    Returns:
        How many of the steps were refused for want of quota.
    """
    from django.db import connection

    from governance.models import Pool
    from governance.services.quota_limits import ProjectFacts
    from governance.services.quotas import (
        QuotaExceededError,
        quota_change,
        quota_commit,
        quota_release,
        quota_reserve_together,
    )
    from platform_api.core.callers import system_caller

    projects = [ProjectFacts(**each) for each in facts]  # type: ignore[arg-type]  # as asdict() made it
    caller, choice, refused = system_caller(f"race-{seed}"), random.Random(seed), 0  # noqa: S311 - repeatable on purpose
    for _ in range(steps):
        project, subject = choice.choice(projects), choice.choice(subjects)
        amounts = {"points": choice.randint(1, 4), "count:database": 1}
        try:
            match choice.randint(0, 3):
                case 0:
                    together = dict.fromkeys({subject, choice.choice(subjects)}, amounts)
                    quota_reserve_together(facts=project, amounts=together, caller=caller)
                case 1:
                    quota_commit(subject_id=subject, caller=caller)
                case 2:
                    quota_change(facts=project, subject_id=subject, amounts=amounts, caller=caller)
                case _:
                    pools = choice.choice([[Pool.RESERVED], [Pool.RESERVED, Pool.USED]])
                    quota_release(subject_id=subject, pools=pools, caller=caller)
        except QuotaExceededError:
            refused += 1
    connection.close()
    return refused
