"""Who gets what on every route, as data: the one list of routes. ``docs/access.md`` is made from it; a test walks it.

A new route is one line in ``ROUTES``. What a line says is what an answer's status is; that it is true for each kind of
caller, and that a refusal changes nothing, is proven against the running application.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from platform_api.tenancy.models.scopes import Scope


class Who(StrEnum):
    """A kind of caller; all that is asked for belongs to project A1 of team A, and was ordered by A1's developer."""

    ANONYMOUS = "nobody"
    EXPIRED = "expired token"
    REVOKED = "revoked token"
    UNSCOPED = "token without the scope"
    VIEWER = "viewer of A"
    DEVELOPER = "developer of A"
    APPROVER = "approver of A"
    ADMIN = "admin of A"
    PROJECT_VIEWER = "viewer of A1"
    PROJECT_DEVELOPER = "developer of A1"
    PROJECT_APPROVER = "approver of A1"
    PROJECT_ADMIN = "admin of A1"
    CI = "CI token for A1"
    AUDITOR = "auditor"
    PLATFORM_ADMIN = "platform admin"
    STRANGER = "developer of B"
    STRANGE_SERVICE = "service of B"
    NARROWED = "token for A1 of B's developer"


class Outcome(StrEnum):
    """What a caller gets, in the word that the documentation has for it."""

    ALLOWED = "yes"
    NONE_OF_IT = "none"
    """The list is answered, with nothing of A in it."""
    UNAUTHENTICATED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    NOT_TAKEN = "405"
    REFUSED = "422"
    """What the body names, or the token is narrowed to, is not there for this caller."""
    LOG_IN = "log-in"
    """Sent to the log-in of the admin site."""


Access = Mapping[Who, Outcome]
"""What each kind of caller gets on one route."""

WITHOUT_TOKEN = (Who.ANONYMOUS, Who.EXPIRED, Who.REVOKED)
MEMBERS = (
    *(Who.VIEWER, Who.DEVELOPER, Who.APPROVER, Who.ADMIN),
    *(Who.PROJECT_VIEWER, Who.PROJECT_DEVELOPER, Who.PROJECT_APPROVER, Who.PROJECT_ADMIN, Who.CI),
)
WRITERS = (Who.DEVELOPER, Who.ADMIN, Who.PROJECT_DEVELOPER, Who.PROJECT_ADMIN, Who.CI)
ADMINS = (Who.ADMIN, Who.PROJECT_ADMIN)
OVERSEERS = (Who.AUDITOR, Who.PLATFORM_ADMIN)
STRANGERS = (Who.STRANGER, Who.STRANGE_SERVICE, Who.NARROWED)


def api(allowed: Iterable[Who], *, strangers: Outcome, others: Outcome = Outcome.FORBIDDEN) -> Access:
    """Return what callers of the API get.

    Args:
        allowed: Who is let through.
        strangers: What members of another team get.
        others: What else anybody with a token gets.
    """
    return {
        **dict.fromkeys(Who, others),
        **dict.fromkeys(STRANGERS, strangers),
        **dict.fromkeys(allowed, Outcome.ALLOWED),
        **dict.fromkeys(WITHOUT_TOKEN, Outcome.UNAUTHENTICATED),
        Who.UNSCOPED: Outcome.FORBIDDEN,
    }


def site(auditor: Outcome, platform_admin: Outcome) -> Access:
    """Return what people get on the admin site, which knows sessions and no tokens."""
    return {**dict.fromkeys(Who, Outcome.LOG_IN), Who.AUDITOR: auditor, Who.PLATFORM_ADMIN: platform_admin}


EVERYBODY: Access = dict.fromkeys(Who, Outcome.ALLOWED)
ANY_TOKEN = api(Who, strangers=Outcome.ALLOWED)
LISTING = api((*MEMBERS, *OVERSEERS), strangers=Outcome.NONE_OF_IT)
READING = api((*MEMBERS, *OVERSEERS), strangers=Outcome.NOT_FOUND)
WRITING = api(WRITERS, strangers=Outcome.NOT_FOUND)
REVEALING = api((*ADMINS, Who.PROJECT_DEVELOPER), strangers=Outcome.NOT_FOUND)
ORDERING = api(WRITERS, strangers=Outcome.REFUSED)
OWNING = api((Who.PROJECT_DEVELOPER,), strangers=Outcome.NOT_FOUND, others=Outcome.NOT_FOUND)
"""Of tokens, which belong to who holds them; of the overseers, who see all, each line says what more they may."""
AUDITING = api((*ADMINS, *OVERSEERS), strangers=Outcome.FORBIDDEN)

OVERSEEING = site(Outcome.ALLOWED, Outcome.ALLOWED)
MANAGING = site(Outcome.FORBIDDEN, Outcome.ALLOWED)
NOBODY = site(Outcome.FORBIDDEN, Outcome.FORBIDDEN)
ONLY_READ = site(Outcome.NOT_TAKEN, Outcome.NOT_TAKEN)
ENROLLING: Access = {
    **EVERYBODY,
    **dict.fromkeys((*WITHOUT_TOKEN, Who.UNSCOPED, Who.CI, Who.STRANGE_SERVICE, Who.NARROWED), Outcome.NOT_FOUND),
}
"""Of people who have a session and no second factor yet."""
NOTHING_THERE = site(Outcome.NOT_FOUND, Outcome.NOT_FOUND)


@dataclass(frozen=True)
class Route:
    """One method of one address.

    Attributes:
        method: HTTP method; GET answers HEAD, too.
        path: Address with its parameters. On the admin site ``{read}`` stands for each list that is only read,
            ``{made}`` for each whose things platform admins make, ``{managed}`` for each that they change, too, and
            ``{any}`` for each of all.
        access: Who gets what.
        scope: What a token must be for; None where no token is asked for.
        status: What those get who are let through; None for whatever is no refusal, as a form that is shown again.
    """

    method: str
    path: str
    access: Access
    scope: Scope | None = None
    status: int | None = 200


API_ROUTES = (
    Route("GET", "/api/v1/audit-events", AUDITING, Scope.AUDIT_READ),
    Route("POST", "/api/v1/auth/oidc/exchange", dict.fromkeys(Who, Outcome.UNAUTHENTICATED)),
    Route("GET", "/api/v1/environments/{environment_id}", READING, Scope.RESOURCES_READ),
    Route("DELETE", "/api/v1/environments/{environment_id}", WRITING, Scope.REQUESTS_WRITE, 202),
    Route("GET", "/api/v1/offerings", ANY_TOKEN, Scope.CATALOG_READ),
    Route("GET", "/api/v1/offerings/{offering}", ANY_TOKEN, Scope.CATALOG_READ),
    Route("GET", "/api/v1/offerings/{offering}/openapi", ANY_TOKEN, Scope.CATALOG_READ),
    Route("GET", "/api/v1/policies", ANY_TOKEN, Scope.CATALOG_READ),
    Route("GET", "/api/v1/projects", LISTING, Scope.TENANCY_READ),
    Route("GET", "/api/v1/projects/{project}", READING, Scope.TENANCY_READ),
    Route("GET", "/api/v1/projects/{project}/environments", READING, Scope.RESOURCES_READ),
    Route("GET", "/api/v1/projects/{project}/environments/{name}", READING, Scope.RESOURCES_READ),
    Route("PUT", "/api/v1/projects/{project}/environments/{name}", WRITING, Scope.REQUESTS_WRITE, 201),
    Route("DELETE", "/api/v1/projects/{project}/environments/{name}", WRITING, Scope.REQUESTS_WRITE, 202),
    Route("GET", "/api/v1/quotas", READING, Scope.TENANCY_READ),
    Route("GET", "/api/v1/requests", LISTING, Scope.REQUESTS_READ),
    Route("POST", "/api/v1/requests", ORDERING, Scope.REQUESTS_WRITE, 202),
    Route("GET", "/api/v1/requests/{request_id}", READING, Scope.REQUESTS_READ),
    Route("POST", "/api/v1/requests/{request_id}/retry", WRITING, Scope.REQUESTS_WRITE, 202),
    Route("GET", "/api/v1/resources", LISTING, Scope.RESOURCES_READ),
    Route("GET", "/api/v1/resources/{resource_id}", READING, Scope.RESOURCES_READ),
    Route("PATCH", "/api/v1/resources/{resource_id}", WRITING, Scope.REQUESTS_WRITE, 202),
    Route("DELETE", "/api/v1/resources/{resource_id}", WRITING, Scope.REQUESTS_WRITE, 202),
    Route("POST", "/api/v1/resources/{resource_id}/credentials", REVEALING, Scope.CREDENTIALS_REVEAL, 201),
    Route("POST", "/api/v1/resources/{resource_id}/credentials/rotate", REVEALING, Scope.REQUESTS_WRITE, 202),
    Route("GET", "/api/v1/runs", LISTING, Scope.REQUESTS_READ),
    Route("GET", "/api/v1/runs/{run_id}", READING, Scope.REQUESTS_READ),
    Route("GET", "/api/v1/runs/{run_id}/log", READING, Scope.REQUESTS_READ),
    Route("POST", "/api/v1/runs/{run_id}/cancel", WRITING, Scope.REQUESTS_WRITE, 202),
    Route("GET", "/api/v1/teams", LISTING, Scope.TENANCY_READ),
    Route("GET", "/api/v1/tokens", LISTING, Scope.TENANCY_READ),
    Route("POST", "/api/v1/tokens", {**ANY_TOKEN, Who.NARROWED: Outcome.REFUSED}, Scope.TENANCY_WRITE, 201),
    Route("GET", "/api/v1/tokens/current", {**ANY_TOKEN, Who.UNSCOPED: Outcome.ALLOWED}),
    Route(
        "GET", "/api/v1/tokens/{token_id}", {**OWNING, **dict.fromkeys(OVERSEERS, Outcome.ALLOWED)}, Scope.TENANCY_READ
    ),
    Route(
        "DELETE",
        "/api/v1/tokens/{token_id}",
        {**OWNING, Who.AUDITOR: Outcome.FORBIDDEN, Who.PLATFORM_ADMIN: Outcome.ALLOWED},
        Scope.TENANCY_WRITE,
        204,
    ),
    Route(
        "POST",
        "/api/v1/tokens/{token_id}/rotate",
        {**OWNING, **dict.fromkeys(OVERSEERS, Outcome.FORBIDDEN)},
        Scope.TENANCY_WRITE,
        201,
    ),
)

OPEN_ROUTES = (
    Route("GET", "/docs/", EVERYBODY),
    Route("GET", "/docs/openapi.yaml", EVERYBODY),
    Route("GET", "/docs/problems/", EVERYBODY),
    Route("GET", "/docs/problems/{code}", EVERYBODY),
    Route("GET", "/favicon.ico", EVERYBODY, status=301),
    Route("GET", "/health/live", EVERYBODY),
    Route("GET", "/health/ready", EVERYBODY),
    Route("GET", "/metrics", dict.fromkeys(Who, Outcome.NOT_FOUND)),
)

SITE_ROUTES = (
    Route("GET", "/admin/", OVERSEEING),
    Route("GET", "/admin/login/", EVERYBODY, status=None),
    Route("POST", "/admin/login/", EVERYBODY, status=None),
    Route("POST", "/admin/logout/", EVERYBODY, status=302),
    Route("GET", "/admin/login/code/", EVERYBODY, status=302),
    Route("POST", "/admin/login/code/", EVERYBODY, status=302),
    Route("GET", "/admin/login/enroll/", EVERYBODY, status=None),
    Route("POST", "/admin/login/enroll/", EVERYBODY, status=None),
    Route("GET", "/admin/login/enroll/qr.svg", ENROLLING),
    Route("GET", "/admin/sign-on/", dict.fromkeys(Who, Outcome.NOT_FOUND)),
    Route("GET", "/admin/sign-on/callback/", dict.fromkeys(Who, Outcome.NOT_FOUND)),
    Route("GET", "/admin/find/", OVERSEEING, status=302),
    Route("GET", "/admin/id/{shown}/", OVERSEEING, status=302),
    Route("GET", "/admin/{any}/", OVERSEEING),
    Route("POST", "/admin/{any}/", ONLY_READ),
    Route("GET", "/admin/{any}/{object_id}/", OVERSEEING, status=302),
    Route("GET", "/admin/{any}/{object_id}/change/", OVERSEEING),
    Route("GET", "/admin/{any}/{object_id}/delete/", NOBODY),
    Route("POST", "/admin/{any}/{object_id}/delete/", NOBODY),
    Route("GET", "/admin/{any}/{object_id}/history/", OVERSEEING, status=302),
    Route("GET", "/admin/{read}/add/", NOBODY),
    Route("POST", "/admin/{read}/add/", NOBODY),
    Route("POST", "/admin/{read}/{object_id}/change/", ONLY_READ),
    Route("GET", "/admin/{made}/add/", MANAGING),
    Route("POST", "/admin/{made}/add/", MANAGING, status=None),
    Route("POST", "/admin/{made}/{object_id}/change/", NOBODY),
    Route("GET", "/admin/{managed}/add/", MANAGING),
    Route("POST", "/admin/{managed}/add/", MANAGING, status=None),
    Route("POST", "/admin/{managed}/{object_id}/change/", MANAGING, status=None),
    Route("GET", "/admin/{url}", NOTHING_THERE),
)

ROUTES = (*API_ROUTES, *OPEN_ROUTES, *SITE_ROUTES)
