"""What processes of the environment races do; each started afresh, so that it shares nothing but the database."""

import os
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

DEATH = 9
"""What a process exits with that dies as it shall."""

_together: list[Barrier] = []


def start(database: str, socket: Path, together: Barrier | None) -> None:
    """Load Django in a new process, on one database.

    Args:
        database: Its name.
        socket: Where the policy helper listens.
        together: Where all wait for each other before they begin; None for one that is alone.
    """
    os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + database
    import django
    from django.conf import settings

    django.setup()
    from django.urls import get_resolver

    from platform_api.core.shapes import structs_prepare

    get_resolver().url_patterns  # noqa: B018 - all is loaded before there are threads, as in platform_api/wsgi.py
    structs_prepare()
    settings.POLICY_SOCKET = socket
    settings.ALLOWED_HOSTS = ["testserver"]
    if together is not None:
        _together.append(together)


def meet() -> None:
    """Wait until all processes are here."""
    _together[0].wait(timeout=60)


def call(method: str, secret: str, address: str, body: Any) -> tuple[int, str]:
    """Call the API at the same moment as the others, and return status and id, or status and code."""
    from rest_framework.test import APIClient

    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    meet()
    answer = getattr(client, method)(address, body, format="json")
    return answer.status_code, answer.json().get("id") or answer.json()["code"]


def work(_: int) -> int:
    """Carry out what waits, without Terraform, until nothing is left; return how much it was."""
    from django.db import connection

    from provisioning.models import ProvisioningRequest
    from tests.integration.provisioning.house import apply_next

    meet()
    done = 0
    while ProvisioningRequest.objects.filter(status="fulfilling").exists():
        done += apply_next(owner=f"race-{os.getpid()}", port=60)
    connection.close()
    return done


def die(database: str, socket: Path) -> None:
    """Carry out what waits, and die between the end of the run and what follows from it."""
    start(database, socket, None)
    from provisioning.services.execution import outcomes
    from tests.integration.provisioning.house import apply_next

    setattr(outcomes, "environment_follow", lambda **_: os._exit(DEATH))  # noqa: B010 - it is not the module's own
    apply_next(owner=f"dead-{os.getpid()}", port=60)


def sweep(times: int) -> int:
    """Reconcile at the same moment as the others, and return how much was set right."""
    from django.db import connection

    from provisioning.services.reconcile import reconcile

    meet()
    found = sum(reconcile() for _ in range(times))
    connection.close()
    return found
