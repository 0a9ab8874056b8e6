"""The first admin, team, project and token of an installation."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from platform_api.core import clock
from platform_api.core.callers import system_caller
from platform_api.tenancy.models import Project, Team, User
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import ALL
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.teams import project_create, role_grant, team_create
from platform_api.tenancy.services.tokens import token_issue
from platform_api.tenancy.services.users import user_create

TOKEN_LIFE = timedelta(days=30)
"""Long enough to set the installation up; people then make tokens of their own."""

PASSWORD_BYTES = 18


@dataclass(frozen=True, kw_only=True)
class Bootstrapped:
    """What there is now.

    Attributes:
        username: The admin.
        password: Their password, if the user was made just now; known here and nowhere else.
        team: Slug.
        project: Slug.
        token: A new token of the admin with every scope; known here and nowhere else.
    """

    username: str
    password: str | None
    team: str
    project: str
    token: str


def bootstrap(*, username: str, team: str, project: str) -> Bootstrapped:
    """Make what is missing of an admin, a team, a project and a role, and a new token; safe to repeat.

    Args:
        username: Log-in name of a platform admin who is also the team's admin.
        team: Slug of the team.
        project: Slug of its project.

    Raises:
        SlugTakenError: The project is there, and is another team's.
    """
    caller = system_caller("bootstrap")
    with transaction.atomic():
        user, password = User.objects.filter(username=username).first(), None
        if user is None:
            password = secrets.token_urlsafe(PASSWORD_BYTES)
            user = user_create(username=username, caller=caller, password=password, is_platform_admin=True)
        owner = Team.objects.filter(slug=team).first() or team_create(slug=team, name=team.title(), caller=caller)
        if not Project.objects.filter(slug=project, team=owner).exists():
            project_create(team=owner, slug=project, name=project.title(), caller=caller)
        role_grant(user=user, role=Role.ADMIN, on=owner, caller=caller)
        issued = token_issue(
            user=user,
            name="bootstrap",
            kind=TokenKind.PERSONAL,
            caller=caller,
            scopes=ALL,
            expires_at=clock.now() + TOKEN_LIFE,
        )
    return Bootstrapped(username=username, password=password, team=team, project=project, token=issued.secret)
