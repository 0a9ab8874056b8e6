"""How often a token may call, and how often an address may fail to say who it is."""

from platform_api.settings import env

MOST = 1_000_000
"""Above any sensible limit."""


def rates() -> dict[str, tuple[int, int]]:
    """Return by kind of call how many a minute, 0 for as many as one likes, and how many at once.

    The defaults are far above what a portal or a script does, and far below what would harm others.
    """
    return {
        "read": (
            env.integer("SLIPWAY_RATE_READ", default=30_000, minimum=0, maximum=MOST),
            env.integer("SLIPWAY_RATE_READ_BURST", default=1000, minimum=1, maximum=MOST),
        ),
        "write": (
            env.integer("SLIPWAY_RATE_WRITE", default=6_000, minimum=0, maximum=MOST),
            env.integer("SLIPWAY_RATE_WRITE_BURST", default=500, minimum=1, maximum=MOST),
        ),
        "attempt": (
            env.integer("SLIPWAY_RATE_ATTEMPT", default=120, minimum=0, maximum=MOST),
            env.integer("SLIPWAY_RATE_ATTEMPT_BURST", default=60, minimum=1, maximum=MOST),
        ),
    }
