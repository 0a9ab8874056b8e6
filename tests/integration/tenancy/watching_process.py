"""A process of its own that keeps who holds a token; it shares nothing with the test but the database."""

import os

STEP_SECONDS = 0.1
"""How far this process's clock goes on from one call to the next; it stands otherwise, however slow the machine is."""

_clock = [1000.0]


def start(database: str) -> None:
    """Load Django on one database, with a clock that moves by calls alone, and holders kept for minutes."""
    os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + database
    import django
    from django.conf import settings

    django.setup()
    from platform_api.core import keeping

    settings.TOKEN_AGE_SECONDS = 300.0
    setattr(keeping, "monotonic", lambda: _clock[0])  # noqa: B010 - it is not the module's own


def call(secret: str) -> tuple[str, int]:
    """Let a step pass, and call once.

    Returns:
        Names of the caller's roles, or the code of the refusal; and how many statements that took.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from platform_api.core.errors import SlipwayError
    from platform_api.tenancy.services.tokens import token_authenticate

    _clock[0] += STEP_SECONDS
    with CaptureQueriesContext(connection) as queries:
        try:
            caller = token_authenticate(presented=secret, ip="127.0.0.1", correlation_id="watch")
        except SlipwayError as error:
            return error.code, len(queries)
    roles = [*caller.team_roles.values(), *caller.project_roles.values()]
    return " ".join(sorted(role for names in roles for role in names)), len(queries)
