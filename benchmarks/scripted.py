"""Workers whose Terraform does nothing: what is left is Slipway's own work on a run.

Named as Celery's application: ``python -m benchmarks.launch celery -A benchmarks.scripted worker``.
"""

import os
from functools import cache
from pathlib import Path

from platform_api.celery import app
from platform_api.process.programs import Program
from platform_api.terraform.spec import Template
from platform_api.terraform.testing import FakeTerraform, Script
from platform_api.terraform.toolchain import Toolchain

__all__ = ["app"]

_NOWHERE = Path("/nowhere")
_OUTPUTS = {"host": "127.0.0.1", "port": 5432, "database": "bench", "username": "bench"}


@cache
def worker_scripted() -> object:
    """Make what a worker process has at hand."""
    from django.conf import settings

    from catalog.models import OfferingVersion
    from provisioning.services.execution.templates import TemplateShelf
    from provisioning.services.execution.workers import Worker

    class Shelf(TemplateShelf):
        """Templates that nobody opens."""

        def template_of(self, version: OfferingVersion) -> Template:
            """Return one that is not there."""
            return Template(folder=self.folder, digest=version.digest)

    toolchain = Toolchain(program=Program(path=_NOWHERE, version=(1, 11)), configuration=_NOWHERE, digest="")
    return Worker(
        owner=f"scripted:{os.getpid()}",
        client=FakeTerraform(Script(outputs=_OUTPUTS)),
        templates=Shelf(folder=_NOWHERE, toolchain=toolchain),
        pools=tuple(settings.WORKER_POOLS),
    )


@app.on_after_finalize.connect
def _take_place(**_: object) -> None:
    """Stand in for the worker of the task."""
    from provisioning import tasks

    tasks._worker = worker_scripted  # type: ignore[assignment]  # noqa: SLF001 - the one place that makes it
