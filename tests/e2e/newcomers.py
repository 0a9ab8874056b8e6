"""Make tenants on a running stack: ``python -m tests.e2e.newcomers NAME[=POINTS]…``.

Each name becomes a team with one project and one developer, who is nothing else anywhere; ``=POINTS`` sets the
project's limit. Writes their tokens as JSON.
"""

import json
import os
import sys

import django


def main(names: list[str]) -> None:
    """Make the tenants, and write name and token of each."""
    django.setup()

    from governance.models import ScopeType
    from governance.models.quotas import POINTS
    from governance.services.quota_limits import quota_limit_begin
    from platform_api.tenancy.models.roles import Role
    from platform_api.tenancy.services.teams import project_create, role_grant, team_create
    from provisioning.selectors.quotas import project_facts
    from tests.people import TESTS, person

    tokens = {}
    for name, _, points in (each.partition("=") for each in names):
        team = team_create(slug=f"{name}-team", name=name, caller=TESTS)
        project = project_create(team=team, slug=name, name=name, caller=TESTS)
        developer = person(f"{name}-developer")
        role_grant(user=developer.user, role=Role.DEVELOPER, on=project, caller=TESTS)
        tokens[name] = developer.secret
        if points:
            quota_limit_begin(
                facts=project_facts(project),
                scope_type=ScopeType.PROJECT,
                kind=POINTS,
                limit=int(points),
                reason="what the tests need",
                caller=person(f"{name}-setter", is_platform_admin=True).caller,
            )
    print(json.dumps(tokens))


if __name__ == "__main__":
    from platform_api.embedded.environment import load_into

    load_into(os.environ)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_api.settings.development")
    os.environ["SLIPWAY_ROW_SCOPE"] = "all"
    main(sys.argv[1:])
