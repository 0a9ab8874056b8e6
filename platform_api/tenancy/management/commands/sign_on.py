"""``sign_on link USER SUBJECT --reason …``: let a person who has a user come in by the company's sign-on."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from platform_api.core.callers import system_caller
from platform_api.core.errors import SlipwayError
from platform_api.tenancy.selectors.users import user_named
from platform_api.tenancy.services.sign_ons import sign_on_link


class Command(BaseCommand):
    help = "Look after who people are to the company's sign-on."

    def add_arguments(self, parser: CommandParser) -> None:
        link = parser.add_subparsers(dest="action", required=True).add_parser(
            "link", help="say who a user is to the sign-on"
        )
        link.add_argument("user", help="log-in name of the user")
        link.add_argument("subject", help="what the sign-on calls them: its claim sub, never an e-mail address")
        link.add_argument("--reason", required=True, help="how you know that both are one; kept in the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = user_named(username=options["user"])
            made = sign_on_link(
                user=user,
                subject=options["subject"],
                reason=options["reason"],
                caller=system_caller("sign_on link"),
            )
        except SlipwayError as error:
            raise CommandError(f"{error.detail} {error.remedy}".strip()) from error
        self.stdout.write(f"{made.subject} of {made.issuer} is {user.username} now.")
