"""What one worker process of the claim race does; started afresh, so that it shares nothing but the database."""

import os
from uuid import UUID


def start(database: str) -> None:
    """Load Django in a new process, on one database."""
    os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + database
    import django

    django.setup()


def claim_all(_: int) -> list[tuple[UUID, int]]:
    """Claim until nothing is left, and return runs with epochs."""
    from django.db import connection

    from provisioning.services.execution.claims import LeaseTerms, run_claim

    claimed = []
    while claim := run_claim(owner=f"race-{os.getpid()}", pools=["default"], terms=LeaseTerms(), plan_seconds=60):
        claimed.append((claim.run_id, claim.epoch))
    connection.close()
    return claimed
