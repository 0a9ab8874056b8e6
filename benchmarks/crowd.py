"""A crowd: many runs, live and finished, with their requests and resources, copied in SQL from one that was ordered.

Written as superuser with ``session_replication_role = replica``: no trigger fires, no foreign key is looked at, which
takes a minute instead of an hour. Nothing but a benchmark's own database is ever written like this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

ENVIRONMENTS = 1000
FINISHED, LIVE = "0190", "0191"
"""What ids begin with: older than all that is really ordered; what lives is younger than what has ended."""

_KINDS = {"environment": "0", "resource": "1", "provisioning_request": "2", "run": "3"}
_TABLES = ("resource", "provisioning_request", "run")


def _id(table: str, part: str, number: str = "n") -> str:
    return (
        f"('{part}0000-0000-700{_KINDS[table]}-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"  # by table and number
    )


def _overrides(part: str, *, is_live: bool) -> Mapping[str, Mapping[str, str]]:
    resource = _id("resource", part)
    environment = _id("environment", FINISHED, f"n % {ENVIRONMENTS}")
    ended = "NULL" if is_live else "now() - interval '1 day'"
    common = {"environment_id": environment, "resource_id": resource}
    return {
        "resource": {
            **common,
            "id": resource,
            "name": f"'{'l' if is_live else 'f'}-' || n",
            "physical_name": f"'bench_{part}_' || n",
            "status": "'pending'" if is_live else "'deprovisioned'",
            "desired": "'present'" if is_live else "'absent'",
            "observed_generation": "0" if is_live else "1",
            "outputs": "NULL",
        },
        "provisioning_request": {
            **common,
            "id": _id("provisioning_request", part),
            "status": "'fulfilling'" if is_live else "'completed'",
            "completed_at": ended,
            "quota": "'[]'",
            "decisions": "'[]'",
        },
        "run": {
            **common,
            "id": _id("run", part),
            "provisioning_request_id": _id("provisioning_request", part),
            "status": "'pending'" if is_live else "'applied'",
            "pool": "'parked'" if is_live else "'default'",
            "not_before": "now() - interval '1 hour'",
            **dict.fromkeys(("hinted_at", "epoch", "lease_owner", "lease_until", "deadline"), "NULL"),
            **dict.fromkeys(("progress", "plan_summary"), "NULL"),
            "attempt": "0",
            "plan_digest": "''",
            "steps": "'[]'",
            "started_at": ended,
            "finished_at": ended,
        },
    }


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What was copied, and a way to move it about.

    Attributes:
        control: A connection of the superuser's, on which no trigger fires.
    """

    control: psycopg.Connection[tuple[Any, ...]]

    def pool_fill(self, pool: str, *, count: int, of: str = "parked") -> None:
        """Have as many runs wait in a pool as are wanted; the rest waits in another, which nobody serves."""
        self.control.execute(
            "UPDATE run SET pool = %s, priority = 100, hinted_at = NULL WHERE pool = %s AND status = 'pending'",
            [of, pool],
        )
        self.control.execute(
            "UPDATE run SET pool = %s WHERE id IN (SELECT id FROM run WHERE pool = %s AND status = 'pending' "
            "AND lease_owner IS NULL ORDER BY id LIMIT %s)",
            [pool, of, count],
        )
        self.tidy()

    def lease(self, pool: str, *, count: int) -> list[tuple[UUID, int]]:
        """Have somebody work on so many runs, in a pool of their own; return ids and epochs."""
        rows = self.control.execute(
            "UPDATE run SET pool = %s, status = 'applying', epoch = nextval('run_epoch_seq'), lease_owner = 'bench', "
            "lease_until = now() + interval '1 hour', started_at = now() WHERE id IN (SELECT id FROM run WHERE "
            "pool = 'parked' AND status = 'pending' ORDER BY id DESC LIMIT %s) RETURNING id, epoch",
            [pool, count],
        ).fetchall()
        self.tidy()
        return [(run_id, epoch) for run_id, epoch in rows]

    def unclaim(self, pool: str) -> None:
        """Have all of a pool wait again."""
        self.control.execute(
            "UPDATE run SET status = 'pending', lease_owner = NULL, lease_until = NULL, deadline = NULL, attempt = 0 "
            "WHERE pool = %s AND lease_owner IS NOT NULL",
            [pool],
        )
        self.tidy()

    def tidy(self) -> None:
        """Do what autovacuum would do some time, so that no round stands in what the last has left."""
        self.control.execute("VACUUM (ANALYZE, INDEX_CLEANUP ON, PARALLEL 0) run")


def crowd_make(address: str, *, live: int, finished: int) -> Crowd:
    """Copy the newest finished order.

    Args:
        address: Of the database, for its superuser; secret.
        live: How many wait.
        finished: How many have ended.
    """
    control = psycopg.connect(address, autocommit=True)
    control.execute("SET session_replication_role = replica")
    control.execute("SET maintenance_work_mem = '256MB'")
    _copy(control, "environment", {"id": _id("environment", FINISHED), "name": "'e-' || n"}, ENVIRONMENTS)
    for part, count in ((FINISHED, finished), (LIVE, live)):
        overrides = _overrides(part, is_live=part == LIVE)
        for table in _TABLES:
            _copy(control, table, overrides[table], count)
    for table in ("environment", *_TABLES):
        control.execute(f"VACUUM ANALYZE {table}")
    return Crowd(control=control)


def _copy(control: psycopg.Connection[tuple[Any, ...]], table: str, overrides: Mapping[str, str], count: int) -> None:
    columns = [
        name
        for (name,) in control.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "ORDER BY attnum",
            [table],
        )
    ]
    chosen = ", ".join(overrides.get(name, f'"{name}"') for name in columns)
    named = ", ".join(f'"{name}"' for name in columns)
    control.execute(
        f"INSERT INTO {table} ({named}) SELECT {chosen} "
        f"FROM (SELECT * FROM {table} ORDER BY id DESC LIMIT 1) AS newest, generate_series(0, {count - 1}) AS n"
    )
