"""Backup and restore as docs/runbook.md has them: all rows, all guards, and what is sealed opens again."""

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
from psycopg import sql

from platform_api.core import sealing
from platform_api.embedded.binaries import postgres_find
from provisioning.models import StateVersion
from provisioning.services.execution.carrying import run_carry_out
from tests import databases
from tests.factories import Orders, worker_make
from tests.people import People

RESTORED = "slipway_restored"


def owner_runs(program: str, *arguments: str, folder: Path) -> None:
    """Run one of PostgreSQL's programs as the owner of the tables."""
    address = urlsplit(os.environ["DATABASE_OWNER_URL"])
    passfile = folder / "pgpass"
    passfile.touch(mode=0o600)
    passfile.write_text(f"*:*:*:*:{unquote(address.password or '')}\n")
    where = ("--host", str(address.hostname), "--port", str(address.port), "--username", str(address.username))
    answer = subprocess.run(
        (postgres_find().psql.with_name(program), *where, *arguments),
        env={"PGPASSFILE": str(passfile)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def rows(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, object]:
    """Return a digest of every table, and where every sequence stands."""
    found = connection.execute(
        "SELECT relname, relkind FROM pg_class WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    digests: dict[str, object] = {}
    for name, kind in found:
        query = (
            "SELECT last_value FROM {}"
            if kind in {"S", b"S"}
            else "SELECT count(*) || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
        )
        row = connection.execute(sql.SQL(query).format(sql.Identifier("public", str(name)))).fetchone()
        digests[str(name)] = row and row[0]
    return digests


@pytest.fixture
def restored(committed_people: People, tmp_path: Path, committing_database: str) -> Iterator[str]:
    """A copy that was dumped and restored, after a resource was made."""
    orders = Orders(committed_people, tmp_path)
    run = orders.provision()
    run_carry_out(worker_make(), hint=run.pk)
    archive = str(tmp_path / "slipway.dump")
    owner_runs("pg_dump", "--format=custom", f"--file={archive}", committing_database, folder=tmp_path)
    databases.drop(RESTORED)
    with databases.superuser() as server:
        server.execute(f"CREATE DATABASE {RESTORED} OWNER slipway_owner TEMPLATE template0")
    owner_runs("pg_restore", "--exit-on-error", f"--dbname={RESTORED}", archive, folder=tmp_path)
    yield RESTORED
    databases.drop(RESTORED)


def test_a_restored_database_is_the_one_that_was_dumped(restored: str, committing_database: str) -> None:
    with (
        databases.connected("DATABASE_OWNER_URL", committing_database) as before,
        databases.connected("DATABASE_OWNER_URL", restored) as after,
    ):
        expected = rows(before)
        assert expected["state_version"] != "0"
        assert rows(after) == expected


def test_what_is_sealed_in_it_opens_with_the_keys_that_were_kept_and_with_no_other(restored: str) -> None:
    with databases.connected("DATABASE_URL", restored) as after:
        row: Any = after.execute("SELECT resource_id, lineage, serial, sealed FROM state_version").fetchone()
    resource, lineage, serial, sealed = row
    place = StateVersion.place(resource_id=resource, lineage=lineage, serial=serial)
    assert b'"lineage"' in sealing.unseal(sealed, place=place)
    strangers = sealing.KeyRing.from_text("1:" + base64.b64encode(bytes(32)).decode())
    with pytest.raises(sealing.SealBrokenError):
        strangers.open(sealed, place=place)


def test_its_guards_stand_again(restored: str) -> None:
    with (
        databases.connected("DATABASE_URL", restored) as service,
        pytest.raises(psycopg.Error) as refused,
    ):
        service.execute("UPDATE run SET status = 'pending'")
    assert refused.value.sqlstate == "SW002"
