"""Connections are made and changed; their credentials are opened here and nowhere else."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from catalog.models import Connection
from catalog.models.connections import DEFAULT_POOL, ConnectionKind, Tier
from fleet_provider.credentials import Credentials as ProviderCredentials
from fleet_provider.faults import Fault
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, PreconditionError, RefusedError
from platform_api.core.ids import UnknownIdError
from platform_api.core.sealing import seal_json, unseal_json
from platform_api.tenancy.models import Team

Credentials = Mapping[str, Any]

URL_KINDS = (ConnectionKind.POSTGRES, ConnectionKind.VALKEY)
"""Kinds that our own provider reaches, by a URL with the admin's name and password in it."""


class ConnectionKindError(ConflictError):
    """What was made on a PostgreSQL server cannot be found on a Valkey."""

    code = "connection_kind_changed"
    title = "A connection keeps its kind"
    remedy = "Make another connection under a slug of its own."


class ConnectionTakenError(ConflictError):
    """Another connection has this slug."""

    code = "name_taken"
    title = "The name is taken"
    remedy = "Choose another slug, or change the connection that has it."


class ConnectionCredentialsError(RefusedError):
    """Each run on the connection would fail on them."""

    code = "connection_credentials_refused"
    title = "No run could use these credentials"
    remedy = "Give the admin's URL in the form that the provider reads."


class ConnectionVersionMismatchError(PreconditionError):
    """Somebody else has changed the connection since the caller looked."""

    code = "version_mismatch"
    title = "It was changed in the meantime"
    remedy = "Read it again, and decide again."


@dataclass(frozen=True, kw_only=True)
class ConnectionFacts:
    """What may be told of a connection.

    Attributes:
        tiers: Environments that may use it.
        endpoint: ``host`` and ``port`` that users connect to.
        teams: Teams that may use it; none means all.
        is_active: Whether new things are made on it; what is there goes on to be worked on.
        pool: Whose workers carry out what is ordered from now on; what waits already stays where it is.
    """

    tiers: Collection[Tier]
    endpoint: Mapping[str, Any]
    teams: Collection[Team] = ()
    is_active: bool = True
    pool: str = DEFAULT_POOL


def connection_ensure(
    *,
    slug: str,
    kind: ConnectionKind,
    tiers: Collection[Tier],
    endpoint: Mapping[str, Any],
    credentials: Credentials,
    caller: Caller,
    teams: Collection[Team] = (),
) -> Connection:
    """Make a connection, or change what differs; where nothing differs, nothing is written.

    Args:
        slug: Its name.
        kind: What stands at the other end.
        tiers: Environments that may use it.
        endpoint: ``host`` and ``port`` that users connect to.
        credentials: The admin's, as the provider takes them under the connection's kind; sealed, never recorded.
        caller: Who does it.
        teams: Teams that may use it; none means all.

    Raises:
        ConnectionKindError: There is one with this slug, of another kind.
        ConnectionCredentialsError: No run could use these credentials.
    """
    with transaction.atomic():
        found = Connection.objects.select_for_update().filter(slug=slug).first()
        if found is not None and found.kind != kind:
            msg = f"{slug} is a connection to a {found.kind}."
            raise ConnectionKindError(msg)
        facts = ConnectionFacts(
            tiers=tiers,
            endpoint=endpoint,
            teams=teams,
            is_active=found is None or found.is_active,
            pool=DEFAULT_POOL if found is None else found.pool,
        )
        connection = found or Connection(slug=slug, kind=kind)
        return _write(connection, facts, credentials, caller=caller)


def connection_create(
    *, slug: str, kind: ConnectionKind, facts: ConnectionFacts, credentials: Credentials, caller: Caller
) -> Connection:
    """Make a connection.

    Args:
        slug: Its name.
        kind: What stands at the other end.
        facts: All that may be told of it.
        credentials: The admin's, as the provider takes them under the connection's kind; sealed, never recorded.
        caller: Who does it.

    Raises:
        ConnectionTakenError: There is one with this slug.
        ConnectionCredentialsError: No run could use these credentials.
    """
    try:
        with transaction.atomic():
            return _write(Connection(slug=slug, kind=kind), facts, credentials, caller=caller)
    except IntegrityError as error:
        msg = f"There is a connection {slug} already."
        raise ConnectionTakenError(msg) from error


def connection_change(
    *, connection_id: UUID, version: datetime, facts: ConnectionFacts, credentials: Credentials | None, caller: Caller
) -> Connection:
    """Change what differs; where nothing differs, nothing is written.

    Args:
        connection_id: The connection.
        version: When it had been changed last, as the caller saw it.
        facts: All that may be told of it from now on.
        credentials: The admin's new ones; None keeps those that there are.
        caller: Who does it.

    Raises:
        UnknownIdError: There is none.
        ConnectionVersionMismatchError: Somebody else has changed it since.
        ConnectionCredentialsError: No run could use these credentials.
    """
    with transaction.atomic():
        found = Connection.objects.select_for_update().filter(pk=connection_id).first()
        if found is None:
            raise UnknownIdError
        if found.updated_at != version:
            msg = f"{found.slug} was changed at {found.updated_at:%Y-%m-%d %H:%M:%S} UTC, after you read it."
            raise ConnectionVersionMismatchError(msg)
        return _write(found, facts, credentials, caller=caller)


def _write(
    connection: Connection, facts: ConnectionFacts, credentials: Credentials | None, *, caller: Caller
) -> Connection:
    """Write what differs, and its event."""
    if credentials is not None:
        _require_usable(connection.kind, credentials)
    is_new = connection._state.adding  # noqa: SLF001 - Django's own way to tell; the key is made before the row
    before = None if is_new else _told(connection)
    is_same_secret = not is_new and credentials in (None, connection_credentials(connection=connection))
    connection.tiers, connection.endpoint = sorted(tier.value for tier in facts.tiers), dict(facts.endpoint)
    connection.is_active, connection.pool = facts.is_active, facts.pool
    teams = sorted(team.slug for team in facts.teams)
    after = {**_columns(connection), "teams": teams}
    if before == after and is_same_secret:
        return connection
    if not is_same_secret and credentials is not None:
        connection.credentials = seal_json(dict(credentials), place=_place(connection))
    connection.save()
    connection.teams.set(facts.teams)
    event_record(
        caller=caller,
        action="connection.created" if is_new else "connection.changed",
        object_type="connection",
        object_id=connection.pk,
        object_name=connection.slug,
        before=before,
        after={**after, "credentials_changed": not is_same_secret},
    )
    return connection


def _require_usable(kind: str, credentials: Credentials) -> None:
    """Have the provider read them as a run will; what it says against them quotes no secret."""
    if kind not in URL_KINDS:
        return
    try:
        ProviderCredentials.read({str(kind): credentials})
    except Fault as fault:
        msg = f"No run could use this URL. {fault.detail}"
        raise ConnectionCredentialsError(msg) from None


def connection_credentials(*, connection: Connection) -> dict[str, Any]:
    """Open the seal; what comes out goes to a provider and nowhere else.

    Raises:
        SealBrokenError: Altered, or sealed by keys that this installation has not.
    """
    credentials = unseal_json(bytes(connection.credentials), place=_place(connection))
    if not isinstance(credentials, dict):
        raise TypeError("sealed credentials of a connection are an object")
    return credentials


def _place(connection: Connection) -> str:
    return f"connection/{connection.pk}/credentials"


def _told(connection: Connection) -> dict[str, Any]:
    """Return what may be told of a connection that is kept."""
    return {**_columns(connection), "teams": sorted(connection.teams.values_list("slug", flat=True))}


def _columns(connection: Connection) -> dict[str, Any]:
    return {
        "kind": str(connection.kind),
        "tiers": sorted(connection.tiers),
        "endpoint": connection.endpoint,
        "is_active": connection.is_active,
        "pool": connection.pool,
    }
