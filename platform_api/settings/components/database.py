"""PostgreSQL: ``default`` is the application's user, ``owner`` exists only where migrations are run."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from platform_api.settings import env

STATEMENT_TIMEOUT_MS = 30_000
"""A query of the API or a worker that takes longer is a fault; migrations are not held to it."""

IDLE_IN_TRANSACTION_MS = 60_000
"""A process that is frozen or cut off in a transaction holds its locks for so long at most: else nobody could take its
run from it before TCP gives up, which takes hours."""


def _database(variable: str, *, engine: str, options: dict[str, Any]) -> dict[str, Any]:
    try:
        parts = conninfo_to_dict(env.secret(variable))
    except ProgrammingError:
        msg = f"{variable} is not a PostgreSQL URL of the form postgresql://user:password@host:port/database."
        raise ImproperlyConfigured(msg) from None  # the cause would quote the password
    known = {name: str(parts.pop(name, None) or "") for name in ("dbname", "user", "password", "host", "port")}
    return {
        "ENGINE": engine,
        "NAME": known["dbname"],
        "USER": known["user"],
        "PASSWORD": known["password"],
        "HOST": known["host"],
        "PORT": known["port"],
        "OPTIONS": parts | options,
    }


def databases() -> dict[str, dict[str, Any]]:
    """Return Django's DATABASES from ``DATABASE_URL`` and, where given, ``DATABASE_OWNER_URL``."""
    pool_size = env.integer("SLIPWAY_DATABASE_POOL_SIZE", default=0, minimum=0, maximum=200)
    application: dict[str, Any] = {
        "server_side_binding": True,
        "prepare_threshold": 1,
        # Without a generic plan the one big ordering statement is planned anew each time, which costs a third of it.
        # Answers need few rows from the front of an index: a plan with parallel workers, which look at all of a
        # million, was seen to take half a minute where the plain one takes a hundredth of a second.
        # Rows are looked up one by one, and lie in memory or on disks that do not turn: to go by an index costs hardly
        # more than to go on. By the usual four times as much, tables of some pages were read whole by each order.
        "options": "-c plan_cache_mode=force_generic_plan -c max_parallel_workers_per_gather=0 -c random_page_cost=1.1"
        f" -c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}",
        "application_name": env.text("SLIPWAY_PROCESS_NAME", default="slipway"),
        # Whose rows there are where no call has said so: everybody's for workers and commands, nobody's in the API.
        "row_scope": env.text("SLIPWAY_ROW_SCOPE", default="nothing", choices=("nothing", "all")),
    }
    if pool_size:
        application["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5}
    configured = {"default": _database("DATABASE_URL", engine="platform_api.core.postgresql", options=application)}
    if not pool_size:
        configured["default"]["CONN_MAX_AGE"] = None
        configured["default"]["CONN_HEALTH_CHECKS"] = True
    if env.is_given("DATABASE_OWNER_URL"):
        configured["owner"] = _database(
            "DATABASE_OWNER_URL",
            engine="django.db.backends.postgresql",
            options={"application_name": "slipway-owner"},
        )
    return configured
