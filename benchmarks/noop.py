"""The least that Celery can do: say when the task was begun. What waking a worker is compared with."""

import time
from pathlib import Path

from celery import shared_task


@shared_task(name="benchmarks.noop", ignore_result=True)
def noop(*, path: str) -> None:
    """Write down the time of day; the file appears whole."""
    at = time.time()
    fresh = Path(f"{path}.new")
    fresh.write_text(repr(at), encoding="ascii")
    fresh.replace(path)
