"""The Valkey on which queues and caches are made, as its admin sees it: customers see nothing of each other there."""

from platform_api.embedded.demo.customers.valkey import connected
from platform_api.embedded.demo.stage import Stage

_SCAN_COUNT = 1000


def traces(stage: Stage, *users: str) -> dict[str, list[str]]:
    """Tell which of these users are there, or keys of theirs.

    Returns:
        The keys by user; a user of whom nothing is left is left out.

    Raises:
        ExpectationError: The server refuses its admin, or does not answer.
    """
    with connected(stage, stage.fleet_valkey_url) as admin:
        known = set(admin.acl_users())
        keys = {user: sorted(admin.scan_iter(f"{user}:*", count=_SCAN_COUNT)) for user in users}
    return {user: keys[user] for user in users if user in known or keys[user]}
