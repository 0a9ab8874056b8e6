"""Keep streams and keyspaces within the limits that the register of their Valkey names.

Valkey can neither refuse an XADD without MAXLEN nor count a user's memory, and a function runs with its caller's own
rights, so it cannot do for a user what the user may not. What remains is to come by often and remove what is too much.
Between two passes a limit can be exceeded; what the server as a whole can take is guarded by its ``maxmemory``.
"""

from fleet_provider.clients.valkey import Valkey
from fleet_provider.limits.keyspaces import keyspaces_keep
from fleet_provider.limits.removals import Removal
from fleet_provider.limits.streams import streams_keep


def limits_keep(valkey: Valkey) -> list[Removal]:
    """Make one pass over a server; any number of processes may do so at once.

    Streams lose their oldest entries, and what hangs on a stream without an entry: groups beside the platform's,
    pending entries whose entry is gone, idle consumers. Keyspaces lose keys in the order in which SCAN comes upon them,
    which is that of their hashes and so as good as random, and every key with too many elements to measure. Keys are
    looked at one step of SCAN at a time, and the server answers others in between.

    Returns:
        What was removed, streams first.

    Raises:
        Fault: The server cannot be reached or refuses.
    """
    return [
        *valkey.run("Keeping streams within their limits", streams_keep),
        *valkey.run("Keeping keyspaces within their limits", keyspaces_keep),
    ]
