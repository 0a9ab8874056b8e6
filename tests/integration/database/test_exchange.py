"""The short way to PostgreSQL gives what psycopg's own cursor does, and leaves to it what it does not know."""

import gc
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.adapt import AdaptersMap
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from platform_api.core.postgresql.exchange import UnknownKindError, exchange
from provisioning.states import Operation
from tests import databases

SOME_ID = UUID("01a22d5f-f17a-73bc-8123-a62d12a82005")


@pytest.fixture
def line(committing_database: str) -> Iterator[psycopg.Connection[Any]]:
    with databases.connected("DATABASE_OWNER_URL", committing_database) as line:
        line.autocommit = True
        yield line


def run(line: psycopg.Connection[Any], text: str, *values: Any) -> list[tuple[Any, ...]]:
    return exchange(line, text, values, adapters=lambda: AdaptersMap(psycopg.adapters))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "plain"),
        ("text", ""),
        ("text", "é 🙂 'quoted' \\ %s"),
        ("uuid", SOME_ID),
        ("int", -(2**31)),
        ("bigint", 2**62),
        ("bool", True),
        ("bool", False),
        ("float8", 0.1),
        ("numeric", Decimal("9.10")),
        ("timestamptz", datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=UTC)),
        ("bytea", b"\x00\xff\\x"),
        ("uuid[]", [SOME_ID, uuid4()]),
        ("uuid[]", []),
        ("text", None),
        ("uuid", None),
    ],
)
def test_a_value_comes_back_as_it_went(line: psycopg.Connection[Any], kind: str, value: Any) -> None:
    ((seen,),) = run(line, f"SELECT $1::{kind}", value)
    assert seen == value
    assert type(seen) is type(value)


def test_a_moment_of_another_zone_is_the_same_moment(line: psycopg.Connection[Any]) -> None:
    moment = datetime(2026, 11, 30, 12, tzinfo=timezone(timedelta(hours=-9, minutes=-30)))
    assert run(line, "SELECT $1::timestamptz = '2026-11-30 21:30+00'", moment) == [(True,)]


@pytest.mark.parametrize("value", [Operation.UPDATE, Jsonb({}), {"a": 1}, ["text"], [None], (1,)], ids=repr)
def test_what_it_does_not_know_is_left_to_psycopg_before_anything_is_sent(
    line: psycopg.Connection[Any], value: Any
) -> None:
    with pytest.raises(UnknownKindError):
        run(line, "SELECT nextval('run_epoch_seq'), $1::text", value)
    assert run(line, "SELECT is_called FROM run_epoch_seq") == [(False,)]


def test_text_with_nul_is_refused_and_not_cut(line: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.DataError, match="NUL"):
        run(line, "SELECT $1::text", "a\0b")


def test_each_kind_of_values_finds_its_way_in_the_same_text(line: psycopg.Connection[Any]) -> None:
    text = "SELECT $1::text, $2::text"
    assert run(line, text, "a", None) == [("a", None)]
    assert run(line, text, None, "b") == [(None, "b")]
    assert run(line, text, SOME_ID.hex, 7) == [(SOME_ID.hex, "7")]


def test_a_refusal_is_psycopg_s_own_and_leaves_the_connection_usable(line: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        run(line, "SELECT 1 / $1::int", 0)
    with pytest.raises(psycopg.errors.SyntaxError):
        run(line, "SELEKT $1::int", 0)
    assert line.pgconn.transaction_status == TransactionStatus.IDLE
    assert run(line, "SELECT 1 / $1::int", 1) == [(1,)]


def test_what_returns_no_rows_gives_none(line: psycopg.Connection[Any]) -> None:
    assert run(line, "SELECT 1 WHERE $1::bool", False) == []  # noqa: FBT003 - a parameter
    assert run(line, "CREATE TEMPORARY TABLE seen (n int)") == []
    assert run(line, "INSERT INTO seen VALUES ($1), (2)", 1) == []
    assert run(line, "SELECT n FROM seen ORDER BY n") == [(1,), (2,)]


def test_a_migration_in_between_is_noticed(line: psycopg.Connection[Any]) -> None:
    run(line, "CREATE TEMPORARY TABLE seen (n int)")
    run(line, "INSERT INTO seen VALUES ($1)", 1)
    assert run(line, "SELECT n FROM seen") == [(1,)]
    line.execute("ALTER TABLE seen ALTER COLUMN n TYPE text")
    assert run(line, "SELECT n FROM seen") == [("1",)]


def test_a_rollback_with_which_psycopg_forgets_what_was_prepared_is_no_harm(line: psycopg.Connection[Any]) -> None:
    assert run(line, "SELECT $1::int", 1) == [(1,)]
    line.execute("DEALLOCATE ALL")
    assert run(line, "SELECT $1::int", 2) == [(2,)]
    assert run(line, "SELECT 1 + $1::int", 2) == [(3,)]


def test_a_connection_is_let_go_with_all_that_was_known_of_it(committing_database: str) -> None:
    with databases.connected("DATABASE_OWNER_URL", committing_database) as line:
        line.autocommit = True
        assert run(line, "SELECT $1::timestamptz", datetime(2026, 11, 30, tzinfo=UTC))
        remembered = weakref.ref(line)
    del line
    gc.collect()
    assert remembered() is None


def test_a_server_that_is_gone_is_told_as_such(line: psycopg.Connection[Any]) -> None:
    with databases.connected("DATABASE_OWNER_URL", line.info.dbname) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [line.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        run(line, "SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        run(line, "SELECT 1")
