"""Limits that the targets cannot keep by themselves: somebody comes by."""

import logging

from catalog.models import Connection
from catalog.models.connections import ConnectionKind
from catalog.services.connections import connection_credentials
from fleet_provider.clients.valkey import Valkey
from fleet_provider.credentials import ValkeyCredentials
from fleet_provider.faults import Fault
from fleet_provider.limits import limits_keep
from platform_api.core.sealing import SealBrokenError

logger = logging.getLogger(__name__)


def connections_keep() -> None:
    """Make one pass over every Valkey that things are, or were, made on; trouble with one does not stop the others.

    What was removed is logged by stream and keyspace. It is no audit event: nobody's intent stands behind it, and a
    busy queue is trimmed all day long.
    """
    for connection in Connection.objects.filter(kind=ConnectionKind.VALKEY).order_by("slug"):
        try:
            valkey = Valkey(ValkeyCredentials.read(connection_credentials(connection=connection)))
            try:
                done = limits_keep(valkey)
            finally:
                valkey.close()
        except Fault as fault:
            logger.warning("connection %s: %s. %s", connection.slug, fault.summary, fault.text)
            continue
        except SealBrokenError as error:
            logger.warning("connection %s: no limit is kept. %s Check SLIPWAY_SEALING_KEYS.", connection.slug, error)
            continue
        for it in done:
            logger.info("connection %s: removed %d %s of %s", connection.slug, it.count, it.what, it.of)
