"""``python -m`` this: a real Celery worker whose pool child plays a scripted Terraform.

What it does not need to prove is left out: no Terraform has to be installed, and no module is made ready.
"""

from functools import cache
from typing import Any

from celery.signals import worker_init

import platform_api.celery
from platform_api.terraform.testing import FakeTerraform


@worker_init.connect
def _scripted(**_: Any) -> None:
    """Put the script in, once the worker has opened its metrics and imported its tasks."""
    from provisioning import tasks
    from tests.factories import worker_make

    client = FakeTerraform()
    vars(tasks).update(terraform_find=lambda: None, _worker=cache(lambda: worker_make(client=client)))


if __name__ == "__main__":
    platform_api.celery.app.worker_main(
        ["worker", "--loglevel", "INFO", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    )
