"""``second_factor reset USER --reason …``: take a lost second factor away; the next log-in enrolls a new one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from platform_api.core.callers import system_caller
from platform_api.core.errors import SlipwayError
from platform_api.tenancy.selectors.users import user_named
from platform_api.tenancy.services.second_factors import second_factor_reset


class Command(BaseCommand):
    help = "Look after people's second factors."

    def add_arguments(self, parser: CommandParser) -> None:
        reset = parser.add_subparsers(dest="action", required=True).add_parser(
            "reset", help="take a lost one away, and end all sessions of its owner"
        )
        reset.add_argument("user", help="log-in name of its owner")
        reset.add_argument(
            "--reason", required=True, help="why, and how you know that its owner asks; kept in the audit trail"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = user_named(username=options["user"])
            second_factor_reset(user=user, reason=options["reason"], caller=system_caller("second_factor reset"))
        except SlipwayError as error:
            raise CommandError(f"{error.detail} {error.remedy}".strip()) from error
        self.stdout.write(f"{user.username} has no second factor now, and is logged in nowhere.")
