"""Metrics: who may read them, and where the processes of the API keep them until then."""

from pathlib import Path

from platform_api.settings import env


def metrics_token() -> str:
    """Return what Prometheus brings as a bearer token; empty closes the page to everybody."""
    return env.secret("SLIPWAY_METRICS_TOKEN", default="")


def metrics_folder(base: Path) -> Path:
    """Return where metrics are kept: on a local disk, best in memory."""
    state = env.text("SLIPWAY_STATE_DIR", default=str(base / ".slipway"))
    return Path(env.text("SLIPWAY_METRICS_DIR", default=str(Path(state).absolute() / "run" / "metrics")))
