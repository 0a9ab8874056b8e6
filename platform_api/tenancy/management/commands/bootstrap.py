"""``bootstrap``: make the first admin, team, project and token; safe to repeat."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from platform_api.core.errors import SlipwayError
from platform_api.tenancy.services.bootstrap import bootstrap


class Command(BaseCommand):
    help = "Make the first admin, team, project and token. What is there is kept; a new token is made each time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", default="admin", help="log-in name of the admin (default: %(default)s)")
        parser.add_argument("--team", default="platform", help="slug of the team (default: %(default)s)")
        parser.add_argument("--project", default="sandbox", help="slug of its project (default: %(default)s)")
        parser.add_argument("--json", action="store_true", help="answer as one JSON object, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = bootstrap(username=options["username"], team=options["team"], project=options["project"])
        except SlipwayError as error:
            raise CommandError(f"{error.detail} {error.remedy}") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(made)))
            return
        password = made.password or "(unchanged)"
        self.stdout.write(f"admin     {made.username}\npassword  {password}\nteam      {made.team}")
        self.stdout.write(f"project   {made.project}\ntoken     {made.token}")
        self.stdout.write("Keep password and token now; neither can be shown again.")
