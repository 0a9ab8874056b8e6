"""Make tenants on a running stack: ``python -m benchmarks.tenants TEAMS PROJECTS``.

Each team gets so many projects, each project a developer with a token, who is nothing else anywhere. Writes the tokens
by project, as JSON.
"""

import json
import os
import sys

import django


def main(teams: int, projects: int) -> None:
    """Make them, and write down their tokens."""
    django.setup()

    from platform_api.core.callers import system_caller
    from platform_api.tenancy.models.roles import Role
    from platform_api.tenancy.models.scopes import ALL
    from platform_api.tenancy.models.tokens import TokenKind
    from platform_api.tenancy.services.teams import project_create, role_grant, team_create
    from platform_api.tenancy.services.tokens import token_issue
    from platform_api.tenancy.services.users import user_create

    caller = system_caller("benchmark")
    tokens = {}
    made = [team_create(slug=f"team-{number}", name=f"Team {number}", caller=caller) for number in range(teams)]
    for part in range(projects):  # neighbors in this order are of different teams
        for number, team in enumerate(made):
            slug = f"project-{number}-{part}"
            project = project_create(team=team, slug=slug, name=slug, caller=caller)
            user = user_create(username=f"{slug}-developer", caller=caller)
            role_grant(user=user, role=Role.DEVELOPER, on=project, caller=caller)
            issued = token_issue(user=user, name="benchmark", kind=TokenKind.PERSONAL, caller=caller, scopes=ALL)
            tokens[slug] = issued.secret
    json.dump(tokens, sys.stdout)


if __name__ == "__main__":
    from platform_api.embedded.environment import load_into

    load_into(os.environ)
    os.environ["SLIPWAY_ROW_SCOPE"] = "all"  # tenants are made on the platform's account
    main(int(sys.argv[1]), int(sys.argv[2]))
