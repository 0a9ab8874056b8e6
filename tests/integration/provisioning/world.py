"""Two teams with something in every place, one caller of each kind, and an example of each call."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from http.cookies import SimpleCookie
from typing import Any, cast

from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client

from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models import ApiToken, Project, Team, User
from platform_api.tenancy.models.access import API_ROUTES, Route, Who
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import ALL, Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.teams import role_grant
from platform_api.tenancy.services.tokens import token_issue, token_revoke
from platform_api.tenancy.services.users import user_create
from provisioning.models import Environment, ProvisioningRequest, Resource, Run
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from tests import databases
from tests.integration.provisioning.house import House, ask, body_of, carry_out, claim, resource_of, run_of, shown
from tests.people import TESTS, Person
from tests.trust import service, trust_rule

CHANGING = ("audit_event", "django_session")
"""What may change though a call is refused; besides, when a token was last used."""


@dataclass(frozen=True)
class Example:
    """What a call needs besides the ids in its address.

    Attributes:
        ids: Those that differ: a value, or the name of another of the world's ids.
    """

    body: object = None
    query: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


EXAMPLES: dict[str, Example] = {
    "DELETE /api/v1/environments/{environment_id}": Example(query={"confirm": "staging"}),
    "PUT /api/v1/projects/{project}/environments/{name}": Example({}, ids={"name": "fresh"}),
    "DELETE /api/v1/projects/{project}/environments/{name}": Example(query={"confirm": "staging"}),
    "POST /api/v1/auth/oidc/exchange": Example({"token": "no.such.token"}),
    "POST /api/v1/tokens": Example({"name": "made", "scopes": ["tenancy:write"]}),
    "GET /docs/problems/{code}": Example(ids={"code": "not_found"}),
    "GET /api/v1/quotas": Example(query={"project": "checkout"}),
    "POST /api/v1/requests": Example(ask(name="fresh")),
    "POST /api/v1/requests/{request_id}/retry": Example({}, ids={"request_id": "failed_request_id"}),
    "PATCH /api/v1/resources/{resource_id}": Example({}, headers={"If-Match": "*"}),
    "DELETE /api/v1/resources/{resource_id}": Example(query={"confirm": "orders"}),
}
"""Of routes whose addresses do not say it all."""


def example_of(route: Route) -> Example:
    """Return an example of a call."""
    return EXAMPLES.get(f"{route.method} {route.path}", Example(None if route.method in {"GET", "DELETE"} else {}))


class World:
    """The house with callers of every kind.

    Attributes:
        house: Team shop with project checkout (A and A1 of the table), team rivals with project spy.
        live: A resource of A1 with a run that waits.
        ids: What stands in addresses for things of A1; ``failed_request_id`` is of an update that failed.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.people = house.people
        trust_rule(user=service(), project=self.people.checkout)
        self.live = house.ordered(name="invoices", environment="default")
        self.ids = self.ids_of(resource_of(house.orders), run=run_of(self.live))
        self.ids["failed_request_id"] = self._failed()
        self.theirs = self.ids_of(resource_of(house.spied), run=Run.objects.get(resource=resource_of(house.spied)))
        self.secrets: dict[Who, Person] = {
            who: self._secret(who) for who in Who if who not in {Who.ANONYMOUS, Who.UNSCOPED}
        }
        self.cookies = {
            who: self._cookies(person) for who, person in self.secrets.items() if who not in WITHOUT_SESSION
        }
        self.unscoped = {scope: self._unscoped(scope) for scope in {route.scope for route in API_ROUTES}}

    def ids_of(self, resource: Resource, *, run: Run) -> dict[str, str]:
        """Return what stands in addresses for things of a resource's project."""
        request = ProvisioningRequest.objects.filter(resource=resource).earliest("pk")
        owner = User.objects.get(pk=str(resource.created_by_id))
        return {
            "environment_id": show(Prefix.ENVIRONMENT, resource.environment_id),
            "name": resource.environment.name,
            "offering": "postgres-database",
            "project": resource.project.slug,
            "request_id": show(Prefix.PROVISIONING_REQUEST, request.pk),
            "resource_id": show(Prefix.RESOURCE, resource.pk),
            "run_id": show(Prefix.RUN, run.pk),
            "token_id": show(Prefix.API_TOKEN, owner.api_tokens.earliest("pk").pk),
        }

    @cached_property
    def marks(self) -> set[str]:
        """What would give away a thing of A."""
        people = self.people
        kinds: list[tuple[Prefix, Any]] = [
            (Prefix.ENVIRONMENT, Environment), (Prefix.PROVISIONING_REQUEST, ProvisioningRequest),
            (Prefix.RESOURCE, Resource), (Prefix.RUN, Run),
        ]  # fmt: skip
        return {
            *(show(Prefix.TEAM, people.shop.pk), '"shop"', show(Prefix.PROJECT, people.checkout.pk), '"checkout"'),
            *(show(prefix, row.pk) for prefix, kind in kinds for row in kind.objects.filter(project=people.checkout)),
        }

    def client(self, who: Who, route: Route) -> Client:
        """Return what the caller calls a route with: a token, or on the admin site the session of its holder."""
        if who is Who.ANONYMOUS:
            return Client(raise_request_exception=False)
        secret = self.unscoped[route.scope] if who is Who.UNSCOPED else self.secrets[who].secret
        client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})
        if route.path.startswith("/admin") and who in self.cookies:
            client.cookies.update(self.cookies[who])
        return client

    def call(self, route: Route, who: Who, *, client: Client | None = None, **ids: str) -> HttpResponse:
        """Make a call as its example says; ids may differ."""
        example = example_of(route)
        address = route.path.format(**{**self.ids_for(example), **ids})
        options: dict[str, Any] = {"query_params": example.query, "headers": example.headers}
        if example.body is not None:
            options |= {"data": example.body, "content_type": "application/json"}
        method = getattr(client or self.client(who, route), route.method.lower())
        return cast("HttpResponse", method(address, **options))

    def ids_for(self, example: Example) -> dict[str, str]:
        """Return what stands in addresses of a call."""
        return {**self.ids, **{name: self.ids.get(value, value) for name, value in example.ids.items()}}

    def _failed(self) -> str:
        """Return the id of an update of A1 that failed; what it was of is there as before."""
        resource = self.house.ordered(name="ledger", environment="live")
        carry_out(resource)
        change = {"parameters": {"connection_limit": 5}, "reason": "Fewer will do", "ticket": "SHOP-143"}
        request = body_of(self.house.post("requests", {"operation": "update", "resource": shown(resource), **change}))
        failure = RunFailure(code="broken", kind="platform", detail="It broke.", remedy="Mend it.")
        run_failed(claim(resource), failure, has_applied=False)
        return str(request["id"])

    def _cookies(self, person: Person) -> SimpleCookie:
        """Log somebody in; the session stands, whatever is taken back of what is done with it."""
        client = Client()
        client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
        return client.cookies

    def _unscoped(self, scope: Scope | None) -> str:
        """Return a developer's token for everything but one use."""
        scopes = sorted(ALL - {scope})
        return token_issue(
            user=self.people.teammate.user, name="less", kind=TokenKind.CI, caller=TESTS, scopes=scopes
        ).secret

    def _secret(self, who: Who) -> Person:
        role = _ROLES.get(who)
        if role is None:
            user = getattr(self.people, _PEOPLE.get(who, "teammate")).user
        else:
            kind = UserKind.SERVICE if who is Who.STRANGE_SERVICE else UserKind.HUMAN
            user = user_create(username=f"a-{role.value}-{kind.value}", caller=TESTS, kind=kind)
            on: Team | Project = self.people.rivals if who is Who.STRANGE_SERVICE else self.people.checkout
            role_grant(user=user, role=role, on=on, caller=TESTS)
        project = self.people.checkout if who in {Who.CI, Who.NARROWED} else None
        kinds = {Who.CI: TokenKind.CI, Who.STRANGE_SERVICE: TokenKind.SERVICE}
        issued = token_issue(
            user=user,
            name=who.value,
            kind=kinds.get(who, TokenKind.PERSONAL),
            caller=TESTS,
            scopes=ALL,
            project=project,
        )
        if who is Who.REVOKED:
            token_revoke(token=issued.token, caller=TESTS)
        if who is Who.EXPIRED:
            past = clock.now() - timedelta(days=2)
            ApiToken.objects.filter(pk=issued.token.pk).update(created_at=past, expires_at=past + timedelta(days=1))
        return Person(user, issued.secret)


WITHOUT_SESSION = {Who.EXPIRED, Who.REVOKED, Who.CI, Who.NARROWED}

_PEOPLE = {
    Who.VIEWER: "viewer", Who.APPROVER: "approver", Who.ADMIN: "lead", Who.PROJECT_DEVELOPER: "owner",
    Who.AUDITOR: "auditor", Who.PLATFORM_ADMIN: "admin", Who.STRANGER: "stranger",
    Who.NARROWED: "stranger",
}  # fmt: skip
"""People of the house; whoever is neither here nor made is its developer."""

_ROLES = {
    Who.PROJECT_VIEWER: Role.VIEWER,
    Who.PROJECT_APPROVER: Role.APPROVER,
    Who.PROJECT_ADMIN: Role.ADMIN,
    Who.STRANGE_SERVICE: Role.DEVELOPER,
}
"""Who is made for this world."""


@contextmanager
def undone() -> Iterator[None]:
    """Take back all that is written within."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def is_written() -> bool:
    """Tell whether anything was written, or locked to be, in the present transaction: only then it has a number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        return bool(cursor.fetchone()[0])


def versions() -> dict[str, list[object]]:
    """Return the versions of all rows that a refusal must not touch."""
    return databases.versions(without=CHANGING)
