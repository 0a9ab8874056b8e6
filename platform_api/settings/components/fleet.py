"""The servers that things are made on, where the installation brings them: known as connections after seeding."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from platform_api.settings import env

POSTGRESQL_PORT = 5432
VALKEY_PORT = 6379


@dataclass(frozen=True, kw_only=True)
class FleetServer:
    """A server and its admin.

    Attributes:
        url: With the admin's password; not shown.
        host: Where users connect to.
        port: Where users connect to.
    """

    url: str = field(repr=False)
    host: str
    port: int


def fleet_database() -> FleetServer | None:
    """Return the PostgreSQL server of ``FLEET_DATABASE_URL``, or None where it is not given.

    Raises:
        ImproperlyConfigured: It is given and is not a URL with a host.
    """
    if not env.is_given("FLEET_DATABASE_URL"):
        return None
    url = env.secret("FLEET_DATABASE_URL")
    try:
        parts = conninfo_to_dict(url)
        host, port = str(parts.get("host") or ""), int(parts.get("port") or POSTGRESQL_PORT)
    except (ProgrammingError, ValueError):
        host, port = "", 0
    if not host:
        msg = "FLEET_DATABASE_URL is not of the form postgresql://admin:password@host:port/database."
        raise ImproperlyConfigured(msg)  # without the cause, which would quote the password
    return FleetServer(url=url, host=host, port=port)


def fleet_valkey() -> FleetServer | None:
    """Return the Valkey of ``FLEET_VALKEY_URL``, or None where it is not given.

    Raises:
        ImproperlyConfigured: It is given and is not a redis URL with a user and a host.
    """
    if not env.is_given("FLEET_VALKEY_URL"):
        return None
    url = env.secret("FLEET_VALKEY_URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or VALKEY_PORT
        is_usable = bool(host and parts.username and parts.password) and parts.scheme == "redis"
    except ValueError:
        host, port, is_usable = "", 0, False
    if not is_usable:
        msg = "FLEET_VALKEY_URL is not of the form redis://admin:password@host:port/0."
        raise ImproperlyConfigured(msg)  # without the cause, which would quote the password
    return FleetServer(url=url, host=host, port=port)
