"""``migrate`` as the owner of the tables: the application's own user may not change them."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections

OWNER = "owner"


class Command(DjangoMigrate):
    """Django's command, on the connection ``owner`` unless another is named."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] not in connections:
            msg = "DATABASE_OWNER_URL (or DATABASE_OWNER_URL_FILE) is not set; migrations run as slipway_owner."
            raise CommandError(msg)
        super().handle(*args, **options)
