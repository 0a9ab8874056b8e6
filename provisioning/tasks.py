"""Celery's entry: a hint came, so look for work. What this process has at hand is made once, before its first run."""

import gc
import logging
import os
import secrets
import socket
from functools import cache
from pathlib import Path
from uuid import UUID

from celery import shared_task
from celery.signals import worker_before_create_process, worker_init, worker_process_init, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from platform_api.core import correlation
from platform_api.core.metrics_listener import listener_start
from platform_api.process.programs import ProgramMissingError, terraform_find
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.toolchain import toolchain_make
from platform_api.terraform.zygote import Zygote
from provisioning import metrics
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.execution.claims import LeaseTerms
from provisioning.services.execution.draining import Drain
from provisioning.services.execution.folders import folders_clear
from provisioning.services.execution.templates import TemplateShelf
from provisioning.services.execution.workers import Worker

logger = logging.getLogger(__name__)


@cache
def _drain() -> Drain:
    """Return the drain of this worker, which its main process makes and its pool children inherit."""
    return Drain(settings.WORKER_DRAIN_SECONDS)


@cache
def _worker() -> Worker:
    folder = Path(settings.WORKER_DIR)
    toolchain = toolchain_make(folder / "toolchain", terraform_find())
    zygote = Zygote()
    zygote.start()
    return Worker(
        owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        client=LocalTerraform(base=folder / "runs", toolchain=toolchain, zygote=zygote),
        templates=TemplateShelf(folder=folder / "templates", toolchain=toolchain),
        pools=tuple(settings.WORKER_POOLS),
        drain=_drain(),
        terms=LeaseTerms(
            lease_seconds=settings.LEASE_SECONDS,
            heartbeat_seconds=settings.LEASE_SECONDS / 4,
            fence_seconds=settings.LEASE_SECONDS * 3 / 4,
        ),
    )


@worker_before_create_process.connect
def _freeze(**_: object) -> None:
    """Keep the collector from touching, and so copying, every page in each pool child."""
    gc.freeze()


@worker_init.connect
def _look_for_terraform(**_: object) -> None:
    """End a worker that could do nothing: left alone, its pool would take hints and fail at each of them."""
    try:
        terraform_find()
    except ProgramMissingError as error:
        logger.error("%s %s", error.detail, error.remedy)  # noqa: TRY400 - the text says it all; no traceback
        raise SystemExit(1) from None


@worker_init.connect
def _share_drain(**_: object) -> None:
    """Make it while there is no pool child yet, so that each one shares it."""
    _drain()


@worker_shutting_down.connect
def _begin_drain(**_: object) -> None:
    """Take no more runs; asked for the second time, hand over those at hand.

    Celery calls this in its main process, from the signal handler, once for each signal that asks the worker to end.
    A warm shutdown then waits for the pool, however long its tasks take: it is the drain that bounds them.
    """
    _drain().ask()


@worker_init.connect
def _show_metrics(**_: object) -> None:
    """Answer to who may read the metrics of this worker and its pool children."""
    metrics.counters_begin()
    listener_start(settings.WORKER_METRICS_PORT)


@worker_process_init.connect
def _prepare(**_: object) -> None:
    """Start the provider's zygote while this pool child has a single thread; clear away what others left."""
    worker = _worker()
    try:
        folders_clear(worker.client)
    except (DatabaseError, OSError):
        logger.warning("what is left of former runs could not be cleared away", exc_info=True)


@shared_task(name="provisioning.run_hint", ignore_result=True)
def run_hint(*, run_id: str, correlation_id: str = "-", traceparent: str = "", **_future: object) -> None:
    """Carry out the run that the hint names, or whatever waits; do nothing where nothing does.

    Args:
        run_id: The run that the dispatcher had in mind.
        correlation_id: The exchange that it goes back to.
        traceparent: The trace that it belongs to.
        **_future: What a newer dispatcher may say; this worker does not know it.
    """
    close_old_connections()  # one that broke since the last task is replaced, not used
    with correlation.bound(correlation_id, traceparent=traceparent):
        carried = run_carry_out(_worker(), hint=UUID(run_id))
        logger.info("hint at %s: carried out %s", run_id, carried)
