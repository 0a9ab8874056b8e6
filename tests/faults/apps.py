"""What each process of a stage does when Django has loaded: take over short terms, and a seeded bug if there is one."""

import os

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from tests.faults import terms


class FaultsConfig(AppConfig):
    """An app without tables."""

    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        """Change what is loaded."""
        terms.shorten(is_real=bool(os.environ.get("SLIPWAY_FAULT_REAL")))
        connection_created.connect(_introduce)
        if mutant := os.environ.get("SLIPWAY_FAULT_MUTANT"):
            from tests.faults.mutants import mutate

            mutate(mutant)


def _introduce(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Have the database know which process writes: ``worker-1:4711``; `tests.faults.watching` reads it."""
    name = f"{os.environ.get('SLIPWAY_PROCESS_NAME', 'command')}:{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", [name])
