#!/usr/bin/env python
"""Slipway's command line: the stack's own commands first, then Django's and ours."""

import os
import sys

STACK_COMMANDS = frozenset({"up", "down", "status", "demo"})
"""Handed over before Django loads, so that loud settings cannot stop the stack that provides them."""


def main() -> int:
    """Run one command and return its exit code."""
    if len(sys.argv) > 1 and sys.argv[1] in STACK_COMMANDS:
        from platform_api.embedded.cli import main as stack

        return stack(sys.argv[1:])

    from platform_api.embedded.environment import load_into

    load_into(os.environ)
    from platform_api.settings import env

    env.preset("DJANGO_SETTINGS_MODULE", "platform_api.settings.development")
    env.preset("SLIPWAY_ROW_SCOPE", "all")  # commands work for the platform; calls that are served bring theirs

    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    import platform_api.celery  # noqa: F401 - tasks bind to this application

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.stderr.write(f"The database does not answer: {error}\nIs the stack up? Start it with: make up\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
