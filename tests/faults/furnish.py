"""Furnish a stage in one process: ``python -m tests.faults.furnish MODULE NAME[=POINTS]…``.

Makes tables, connections, the one offering, and a tenant for each name; the last line that it writes is their tokens.
"""

import sys

import django
from django.core.management import call_command

from tests.e2e import newcomers


def main(module: str, names: list[str]) -> None:
    """Furnish the stage that the environment names."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed_connections")
    call_command("sync_catalog", module)
    newcomers.main(names)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
