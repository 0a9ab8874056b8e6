"""Which target a resource is made on."""

from uuid import UUID

from django.db.models import Count, Q

from catalog.models import Connection
from catalog.models.connections import ConnectionKind, Tier
from catalog.models.generations import CATALOG
from platform_api.core.errors import UnavailableError
from platform_api.core.keeping import Kept


class ConnectionMissingError(UnavailableError):
    """The platform has no target for this; nothing that the caller could change."""

    code = "connection_missing"
    title = "There is nowhere to make this"
    remedy = "Ask the platform team to add a connection of this kind for the tier and your team."


_connections: Kept[tuple[str, str, UUID], Connection] = Kept(setting="CATALOG_AGE_SECONDS", generation=CATALOG)


def connection_for(*, kind: str, tier: str, team_id: UUID) -> Connection:
    """Return the connection that a team's things of a kind are made on in a tier.

    A connection for named teams goes before one for all; among equals the first by slug is taken, so that the choice
    does not change from call to call. As with orderables, a process keeps what it looked up until the catalog changes.

    Args:
        kind: What the offering's version needs; a ``ConnectionKind``.
        tier: Tier of the environment; a ``Tier``.
        team_id: The team that will own it.

    Raises:
        ConnectionMissingError: No active connection fits.
    """
    return _connections.get((kind, tier, team_id), lambda: _look_up(kind=kind, tier=tier, team_id=team_id))


def _look_up(*, kind: str, tier: str, team_id: UUID) -> Connection:
    fitting = (
        Connection.objects.filter(is_active=True, kind=ConnectionKind(kind), tiers__contains=[Tier(tier)])
        .filter(Q(teams=None) | Q(teams=team_id))
        .annotate(named_teams=Count("teams"))
        .order_by("-named_teams", "slug")
    )
    found = fitting.first()
    if found is None:
        msg = f"There is no active {kind} connection for the tier {tier} that this team may use."
        raise ConnectionMissingError(msg)
    return found
