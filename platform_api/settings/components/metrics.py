"""Metrics: who may read them and where, and where processes keep them until then."""

from pathlib import Path

from platform_api.settings import env


def metrics_token() -> str:
    """Return what Prometheus brings as a bearer token; empty closes the page to everybody."""
    return env.secret("SLIPWAY_METRICS_TOKEN", default="")


def metrics_host() -> str:
    """Return the address on which worker and dispatcher answer to whoever may read their metrics."""
    return env.text("SLIPWAY_METRICS_HOST", default="127.0.0.1")


def worker_metrics_port() -> int:
    """Return the port of a worker's metrics; 0 for none. Workers on one host need one each."""
    return env.integer("SLIPWAY_WORKER_METRICS_PORT", default=0, minimum=0, maximum=65_535)


def dispatcher_metrics_port() -> int:
    """Return the port of a dispatcher's metrics; 0 for none."""
    return env.integer("SLIPWAY_DISPATCHER_METRICS_PORT", default=0, minimum=0, maximum=65_535)


def metrics_folder(base: Path) -> Path:
    """Return where metrics are kept: on a local disk, best in memory."""
    state = env.text("SLIPWAY_STATE_DIR", default=str(base / ".slipway"))
    return Path(env.text("SLIPWAY_METRICS_DIR", default=str(Path(state).absolute() / "run" / "metrics")))
