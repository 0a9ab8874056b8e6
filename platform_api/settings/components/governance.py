"""Quotas that a new project or team begins with, and where the policy helper is found."""

from pathlib import Path

from platform_api.settings import env

MOST = 1_000_000
"""Above any sensible limit, and far below what a sum in PostgreSQL's integer could overflow with."""


def quota_defaults() -> dict[str, dict[str, int]]:
    """Return the limits of quotas that nobody has set yet: by scope, then by ``points`` or ``count``."""
    return {
        "project": {
            "points": env.integer("SLIPWAY_QUOTA_PROJECT_POINTS", default=20, minimum=0, maximum=MOST),
            "count": env.integer("SLIPWAY_QUOTA_PROJECT_COUNT", default=10, minimum=0, maximum=MOST),
        },
        "team": {
            "points": env.integer("SLIPWAY_QUOTA_TEAM_POINTS", default=60, minimum=0, maximum=MOST),
            "count": env.integer("SLIPWAY_QUOTA_TEAM_COUNT", default=30, minimum=0, maximum=MOST),
        },
    }


def policy_places(checkout: Path) -> tuple[Path, Path]:
    """Return the policy helper's socket and the folder of the policy set.

    Args:
        checkout: Top of the tree; both lie under it unless they are named.
    """
    state = checkout / env.text("SLIPWAY_STATE_DIR", default=".slipway")
    socket = env.text("SLIPWAY_POLICY_SOCKET", default=str(state / "run" / "policy.sock"))
    return Path(socket), Path(env.text("SLIPWAY_POLICY_DIR", default=str(checkout / "policies")))
