"""One claimer: ``python -m benchmarks.claimer product|bare POOL``.

For each number of seconds that it reads it claims so long, and writes how many it got and how much time was left.

*bare* is what a queue in PostgreSQL costs at least: one prepared statement that takes the first row that nobody has
locked, sent by the driver alone. It writes what a claim writes to the run, and no event of it.
"""

import os
import sys
import time
from collections.abc import Callable

BARE = """
UPDATE run SET status = 'planning', epoch = nextval('run_epoch_seq'), lease_owner = %(owner)s, attempt = attempt + 1,
    lease_until = clock_timestamp() + interval '60 seconds', deadline = clock_timestamp() + interval '600 seconds',
    started_at = coalesce(started_at, clock_timestamp())
WHERE id = (
    SELECT id FROM run WHERE status IN ('pending', 'recovering') AND lease_owner IS NULL AND pool = %(pool)s
        AND not_before <= clock_timestamp()
    ORDER BY priority, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, resource_id, project_id, epoch, operation, attempt
"""


def _product(pool: str) -> Callable[[], bool]:
    import django

    django.setup()
    from provisioning.services.execution.claims import LeaseTerms, run_claim

    owner, terms = f"bench:{os.getpid()}", LeaseTerms()
    return lambda: run_claim(owner=owner, pools=[pool], terms=terms, plan_seconds=600) is not None


def _bare(pool: str) -> Callable[[], bool]:
    import psycopg

    from platform_api.settings import env

    options = "-c slipway.scope=all -c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0"
    connection = psycopg.connect(env.secret("DATABASE_URL"), autocommit=True, options=options)
    values = {"pool": pool, "owner": f"bench:{os.getpid()}"}
    return lambda: connection.execute(BARE, values, prepare=True).fetchone() is not None


def main(way: str, pool: str) -> None:
    """Claim when told to."""
    claim = {"product": _product, "bare": _bare}[way](pool)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        ends, count = time.monotonic() + float(line), 0
        while time.monotonic() < ends and claim():
            count += 1
        sys.stdout.write(f"{count} {max(0.0, ends - time.monotonic())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    from platform_api.embedded.environment import load_into

    load_into(os.environ)
    os.environ["SLIPWAY_ROW_SCOPE"] = "all"
    main(sys.argv[1], sys.argv[2])
