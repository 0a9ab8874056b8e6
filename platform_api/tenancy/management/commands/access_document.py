"""``access_document``: writes the table of who gets what on every route, as people read it."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from platform_api.tenancy.models.access import API_ROUTES, OPEN_ROUTES, SITE_ROUTES, Route, Who

INTRODUCTION = """# Who gets what

Made by `manage.py access_document docs/access.md` from `platform_api/tenancy/models/access.py`; a test walks every cell
against the running application, and fails where the application has a route that the table lacks.

All that is asked for belongs to project A1 of team A, and was ordered by A1's developer. A viewer, developer, approver
or admin has that role on the whole team or on the project alone; the CI token is one of A's developer. B is another
team; a token that is narrowed to A1 gives its holder, who has no role there, nothing. **yes**: done or shown. **none**:
the list is answered, and nothing of A is in it. **401**: no token that is in force. **403**: seen, but not allowed.
**404**: answered as if it were not there. **405**: not taken here. **422**: what the body names, or the token is
narrowed to, is not there for this caller. **log-in**: sent to the log-in of the admin site. Where the answer is not
yes, nothing is written but the audit trail, and when a token was last used.
"""

API = """
## API

The token needs the scope, whatever its holder's roles are.
"""

OPEN = """
## Without a token
"""

SITE = """
## Admin site

It knows sessions and no tokens, and lets in auditors and platform admins alone. `{read}` stands for each list that is
only read, `{made}` for each whose things platform admins make, `{managed}` for each that they change, too, `{any}` for
each of all. Where people log in by password the addresses of the sign-on are not there, as said here, and with a
sign-on those of codes and enrolment are not.
"""


def document() -> str:
    """Return the table as Markdown."""
    parts = ((API, API_ROUTES), (OPEN, OPEN_ROUTES), (SITE, SITE_ROUTES))
    lines = [INTRODUCTION, *(line for heading, routes in parts for line in (heading, *_table(routes)))]
    return "\n".join(lines) + "\n"


def _table(routes: Sequence[Route]) -> Iterator[str]:
    heads = ["Route", "Scope", *Who]
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for route in routes:
        scope = f"`{route.scope}`" if route.scope else ""
        cells = [f"`{route.method} {route.path}`", scope, *(route.access[who].value for who in Who)]
        yield f"| {' | '.join(cells)} |"


class Command(BaseCommand):
    help = "Write who gets what on every route, as Markdown."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="Where to, e.g. docs/access.md.")

    def handle(self, *args: Any, **options: Any) -> None:
        options["file"].write_text(document(), encoding="utf-8")
