"""Databases for tests: one migrated template, and clones of it."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from django.db import connection as application
from psycopg import sql
from pytest_django import DjangoDbBlocker

_numbers = count(1)


def superuser() -> psycopg.Connection[tuple[object, ...]]:
    """Return a connection of the cluster's superuser, which clones and drops databases."""
    return psycopg.connect(os.environ["DATABASE_SUPERUSER_URL"], autocommit=True)


def clone(template: str, name: str) -> None:
    """Make a database like another one; rights on the database itself are not cloned by PostgreSQL."""
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with superuser() as connection:
        for statement in (
            "DROP DATABASE IF EXISTS {name} WITH (FORCE)",
            "CREATE DATABASE {name} TEMPLATE {template} OWNER slipway_owner",
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {name} TO slipway_app",
        ):
            connection.execute(sql.SQL(statement).format(**names))


def contents(*, without: Collection[str]) -> dict[str, str]:
    """Return a digest of the rows of each table that the service may read, to tell whether anything was changed.

    Args:
        without: Tables that may change all the same.
    """
    with application.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace AND has_table_privilege(oid, 'SELECT')"
        )
        tables = [name for (name,) in cursor.fetchall() if name not in without]
        union = " UNION ALL ".join(
            f"SELECT '{name}', count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
            f' FROM "{name}" t'
            for name in tables
        )
        cursor.execute(union)
        return dict(cursor.fetchall())


def versions(*, without: Collection[str]) -> dict[str, list[object]]:
    """Return how many rows each table has and which transactions wrote them, to tell cheaply whether any was touched.

    Of tokens, when they were last used does not count.

    Args:
        without: Tables that may change all the same.
    """
    with application.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace AND has_table_privilege(oid, 'SELECT')"
        )
        tables = {name for (name,) in cursor.fetchall()} - {"api_token", *without}
        union = " UNION ALL ".join(
            f"SELECT '{name}', count(*), coalesce(sum(xmin::text::bigint), 0)::text FROM \"{name}\"" for name in tables
        )
        tokens = (
            "SELECT 'api_token', count(*), md5(string_agg((to_jsonb(t) - 'last_used_at')::text, '' ORDER BY id))"
            " FROM api_token t"
        )
        cursor.execute(f"{union} UNION ALL {tokens}")
        return {name: counted for name, *counted in cursor.fetchall()}


def drop(name: str) -> None:
    """Drop a database, with whoever is still connected."""
    with superuser() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def connected(variable: str, name: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Connect to a database as one of its users, with everybody's rows in scope.

    Args:
        variable: ``DATABASE_URL`` for the application's user, ``DATABASE_OWNER_URL`` for the owner.
        name: The database.
    """
    with psycopg.connect(
        os.environ[variable], dbname=name, autocommit=True, options="-c slipway.scope=all"
    ) as connection:
        yield connection


@contextmanager
def committing(template: str, blocker: DjangoDbBlocker) -> Iterator[str]:
    """Let what runs within commit, in a clone of its own that is dropped afterwards; gives the clone's name."""
    name, before = f"slipway_test_{next(_numbers)}", application.settings_dict["NAME"]
    clone(template, name)
    application.settings_dict["NAME"] = name
    try:
        with blocker.unblock():
            application.close()
            yield name
            application.close()
    finally:
        application.settings_dict["NAME"] = before
        drop(name)
