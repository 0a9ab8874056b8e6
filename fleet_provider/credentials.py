"""Admin credentials of the fleet's servers: read, judged, and never repeated in an error text."""

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from fleet_provider.address import CREDENTIALS_FILE_VARIABLE
from fleet_provider.faults import Fault

_HIGHEST_PORT = 65535
_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_POSTGRES_URL = "postgresql://ADMIN:PASSWORD@HOST:PORT/DATABASE"
_VALKEY_URL = "redis://ADMIN:PASSWORD@HOST:PORT/0"
_SHAPE = (
    f'The credentials are a JSON object such as {{"postgres": {{"url": "{_POSTGRES_URL}"}}}} or '
    f'{{"valkey": {{"url": "{_VALKEY_URL}"}}}}, with a member for each server; '
    "beside url there may be public_host and public_port, and PostgreSQL's url may carry sslmode and sslrootcert."
)


@dataclass(frozen=True, kw_only=True)
class PostgresCredentials:
    """How to reach one PostgreSQL server as its admin."""

    host: str
    """Name or address that the provider connects to."""

    port: int
    """TCP port, 1 to 65535."""

    user: str
    """Admin: superuser, or LOGIN CREATEDB CREATEROLE."""

    password: str = field(repr=False)
    """The admin's password; secret."""

    database: str
    """Maintenance database that the admin's session is in; never a customer's."""

    public_host: str
    """Name or address that customers connect to; differs from ``host`` behind a pooler or a load balancer."""

    public_port: int
    """Port that belongs to ``public_host``."""

    sslmode: str = "prefer"
    """libpq's word for how much TLS is asked for."""

    sslrootcert: str = ""
    """Path of the certificate authority's file; empty: libpq's default."""

    @classmethod
    def read(cls, content: object) -> Self:
        """Read the ``postgres`` member of the credentials.

        Args:
            content: Mapping with ``url`` and, where they differ, ``public_host`` and ``public_port``.

        Raises:
            Fault: A member is missing, unknown or of no use; the text names it and never quotes it.
        """
        parts, address = _member_read(
            "postgres", content, schemes={"postgresql", "postgres"}, form=_POSTGRES_URL, default_port=5432
        )
        return cls(database=unquote(parts.path.removeprefix("/")) or "postgres", **address, **_postgres_options(parts))


@dataclass(frozen=True, kw_only=True)
class ValkeyCredentials:
    """How to reach one Valkey as its admin."""

    host: str
    """Name or address that the provider connects to."""

    port: int
    """TCP port, 1 to 65535."""

    user: str
    """Admin: may make users, so it may do everything."""

    password: str = field(repr=False)
    """The admin's password; secret."""

    public_host: str
    """Name or address that customers connect to."""

    public_port: int
    """Port that belongs to ``public_host``."""

    @classmethod
    def read(cls, content: object) -> Self:
        """Read the ``valkey`` member of the credentials; as ``PostgresCredentials.read``."""
        parts, address = _member_read("valkey", content, schemes={"redis"}, form=_VALKEY_URL, default_port=6379)
        if parts.query or parts.path not in {"", "/", "/0"}:
            raise _unusable(f'"valkey.url" is not of the form {_VALKEY_URL}: there is only database 0, and no option')
        return cls(**address)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What one run may use: a member for each kind of server, absent where the run needs none."""

    postgres: PostgresCredentials | None = None
    """The PostgreSQL server on which roles and databases are made."""

    valkey: ValkeyCredentials | None = None
    """The Valkey on which users, streams and keyspaces are made."""

    @classmethod
    def read(cls, content: object) -> Self:
        """Read parsed JSON as it comes from the file or from the worker's message.

        Raises:
            Fault: The content has another shape.
        """
        if not isinstance(content, Mapping):
            raise _unusable("the outermost value is no object")
        unknown = sorted(set(content) - {"postgres", "valkey"})
        if unknown:
            raise _unusable(f"there are unknown members: {', '.join(map(str, unknown))}")
        return cls(
            postgres=PostgresCredentials.read(content["postgres"]) if "postgres" in content else None,
            valkey=ValkeyCredentials.read(content["valkey"]) if "valkey" in content else None,
        )

    @classmethod
    def read_file(cls, name: str) -> Self:
        """Read the file that the environment variable of launched mode names.

        Args:
            name: The variable's value; empty when it is not set.

        Raises:
            Fault: No file is named, it cannot be read, others may read it too, or its content is of no use.
        """
        if not name:
            raise Fault(
                "No credentials for the fleet",
                detail=f"The environment variable {CREDENTIALS_FILE_VARIABLE} is not set.",
                remedy=f"Let it name a file with mode 0600. {_SHAPE}",
            )
        path = Path(name)
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Fault(
                "The fleet's credentials cannot be read",
                detail=f"{path}, named by {CREDENTIALS_FILE_VARIABLE}: {type(error).__name__}.",
                remedy="Check that the file is there, is UTF-8 text and belongs to the user who runs Terraform.",
            ) from None
        if mode & 0o077:
            raise Fault(
                "The fleet's credentials lie open",
                detail=f"{path} has mode {mode:04o}: others than its owner can reach the admin's password.",
                remedy="Run chmod 600 on it, and change the password if the file lay open for long.",
            )
        try:
            content = json.loads(text)
        except ValueError:
            raise _unusable(f"{path}, which is not JSON") from None
        return cls.read(content)


def _member_read(
    member: str, content: object, *, schemes: set[str], form: str, default_port: int
) -> tuple[SplitResult, dict[str, Any]]:
    """Read what all kinds of servers have: return the address's parts, and who connects where to."""
    if not isinstance(content, Mapping):
        raise _unusable(f'"{member}" is not an object')
    unknown = sorted(set(content) - {"url", "public_host", "public_port"})
    if unknown:
        raise _unusable(f'"{member}" has unknown members: {", ".join(map(str, unknown))}')
    parts = _url_parts(member, content.get("url"), schemes=schemes, form=form)
    host, port = parts.hostname or "", parts.port or default_port
    return parts, {
        "host": host,
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "public_host": _public_host(member, content, host),
        "public_port": _public_port(member, content, port),
    }


def _url_parts(member: str, url: object, *, schemes: set[str], form: str) -> SplitResult:
    if not isinstance(url, str):
        raise _unusable(f'"{member}.url" is missing or no text')
    wrong = _unusable(f'"{member}.url" is not of the form {form}')
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname and parts.username and parts.password) and parts.port != 0
    except ValueError:
        raise wrong from None
    if not usable or parts.scheme not in schemes or parts.fragment:
        raise wrong
    return parts


def _postgres_options(parts: SplitResult) -> dict[str, Any]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if set(options) - {"sslmode", "sslrootcert"}:  # not quoted: a password with a question mark in it ends up here
        raise _unusable('"postgres.url" has options other than sslmode and sslrootcert')
    if options.get("sslmode", "prefer") not in _SSL_MODES:
        raise _unusable(f'"sslmode" in "postgres.url" is none of {", ".join(sorted(_SSL_MODES))}')
    return options


def _public_host(member: str, content: Mapping[Any, Any], default: str) -> str:
    host = content.get("public_host", default)
    if not isinstance(host, str) or not host:
        raise _unusable(f'"{member}.public_host" is no text')
    return host


def _public_port(member: str, content: Mapping[Any, Any], default: int) -> int:
    port = content.get("public_port", default)
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= _HIGHEST_PORT:
        raise _unusable(f'"{member}.public_port" is no whole number from 1 to 65535')
    return port


def _unusable(reason: str) -> Fault:
    return Fault("The fleet's credentials are of no use", detail=f"What was found: {reason}.", remedy=_SHAPE)
