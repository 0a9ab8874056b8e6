"""Connections are made and changed; their credentials are opened here and nowhere else."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction

from catalog.models import Connection
from catalog.models.connections import ConnectionKind, Tier
from platform_api.audit.services.events import event_record
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError
from platform_api.core.sealing import seal_json, unseal_json
from platform_api.tenancy.models import Team

Credentials = Mapping[str, Any]


class ConnectionKindError(ConflictError):
    """What was made on a PostgreSQL server cannot be found on a Valkey."""

    code = "connection_kind_changed"
    title = "A connection keeps its kind"
    remedy = "Make another connection under a slug of its own."


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
    """
    wanted = {
        "kind": kind.value,
        "tiers": sorted(tier.value for tier in tiers),
        "endpoint": dict(endpoint),
        "teams": sorted(team.slug for team in teams),
    }
    with transaction.atomic():
        found = Connection.objects.select_for_update().filter(slug=slug).first()
        if found is not None and found.kind != kind:
            msg = f"{slug} is a connection to a {found.kind}."
            raise ConnectionKindError(msg)
        before = None if found is None else _told(found)
        connection = found or Connection(slug=slug)
        is_same_secret = found is not None and connection_credentials(connection=found) == dict(credentials)
        if before == wanted and is_same_secret:
            return connection
        connection.kind, connection.endpoint = kind, dict(endpoint)
        connection.tiers = sorted(tier.value for tier in tiers)
        if not is_same_secret:
            connection.credentials = seal_json(dict(credentials), place=_place(connection))
        connection.save()
        connection.teams.set(teams)
        event_record(
            caller=caller,
            action="connection.created" if found is None else "connection.changed",
            object_type="connection",
            object_id=connection.pk,
            object_name=slug,
            before=before,
            after={**wanted, "credentials_changed": not is_same_secret},
        )
    return connection


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
    """Return what may be told of a connection."""
    return {
        "kind": str(connection.kind),
        "tiers": sorted(connection.tiers),
        "endpoint": connection.endpoint,
        "teams": sorted(connection.teams.values_list("slug", flat=True)),
    }
