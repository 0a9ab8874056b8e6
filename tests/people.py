"""The people of the tests: access tests read as sentences about them."""

from dataclasses import dataclass
from functools import cached_property

from rest_framework.test import APIClient

from platform_api.core.callers import Caller, system_caller
from platform_api.tenancy.models import Project, Team, User
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import ALL
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.teams import project_create, role_grant, team_create
from platform_api.tenancy.services.tokens import token_authenticate, token_issue
from platform_api.tenancy.services.users import user_create

TESTS = system_caller("tests", correlation_id="tests")


@dataclass(frozen=True)
class Person:
    """A user with a token that has every scope."""

    user: User
    secret: str

    @property
    def client(self) -> APIClient:
        """A client that calls the API as this person."""
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.secret}")
        return client

    @property
    def caller(self) -> Caller:
        """The person as services see them, with the roles of this moment."""
        return token_authenticate(presented=self.secret, ip="127.0.0.1", correlation_id="tests")


def person(username: str, *, is_auditor: bool = False, is_platform_admin: bool = False) -> Person:
    """Make a user with a token."""
    user = user_create(username=username, caller=TESTS, is_auditor=is_auditor, is_platform_admin=is_platform_admin)
    issued = token_issue(user=user, name="tests", kind=TokenKind.PERSONAL, caller=TESTS, scopes=ALL)
    return Person(user, issued.secret)


class People:
    """Team shop with project checkout, team rivals with project spy, and who works there."""

    @cached_property
    def shop(self) -> Team:
        """The team that the tests are about."""
        return team_create(slug="shop", name="Shop", caller=TESTS)

    @cached_property
    def checkout(self) -> Project:
        """The project that the tests are about."""
        return project_create(team=self.shop, slug="checkout", name="Checkout", caller=TESTS)

    @cached_property
    def rivals(self) -> Team:
        """Another team."""
        return team_create(slug="rivals", name="Rivals", caller=TESTS)

    @cached_property
    def spy(self) -> Project:
        """Another team's project."""
        return project_create(team=self.rivals, slug="spy", name="Spy", caller=TESTS)

    def _with_role(self, username: str, role: Role, on: Team | Project) -> Person:
        made = person(username)
        role_grant(user=made.user, role=role, on=on, caller=TESTS)
        return made

    @cached_property
    def owner(self) -> Person:
        """Developer of project checkout, and of nothing else."""
        return self._with_role("owner", Role.DEVELOPER, self.checkout)

    @cached_property
    def teammate(self) -> Person:
        """Developer of the whole team."""
        return self._with_role("teammate", Role.DEVELOPER, self.shop)

    @cached_property
    def viewer(self) -> Person:
        """Viewer of the team."""
        return self._with_role("viewer", Role.VIEWER, self.shop)

    @cached_property
    def lead(self) -> Person:
        """Admin of the team."""
        return self._with_role("lead", Role.ADMIN, self.shop)

    @cached_property
    def approver(self) -> Person:
        """Approver of the team."""
        return self._with_role("approver", Role.APPROVER, self.shop)

    @cached_property
    def stranger(self) -> Person:
        """Developer of another team."""
        return self._with_role("stranger", Role.DEVELOPER, self.rivals)

    @cached_property
    def auditor(self) -> Person:
        """Reads everything."""
        return person("auditor", is_auditor=True)

    @cached_property
    def admin(self) -> Person:
        """Runs the platform."""
        return person("admin", is_platform_admin=True)
