from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from platform_api.audit.models import AuditEvent
from platform_api.core import clock, keeping
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.selectors.projects import projects_visible, teams_visible
from platform_api.tenancy.services import tokens
from platform_api.tenancy.services.teams import project_create, role_revoke
from platform_api.tenancy.services.tokens import (
    FORM,
    TokenBindingError,
    TokenExpiredError,
    TokenInvalidError,
    TokenKindError,
    TokenLifeError,
    TokenOwnerError,
    checksum,
    token_authenticate,
    token_issue,
    token_revoke,
)
from platform_api.tenancy.services.users import user_create
from tests.people import TESTS, People


def authenticate(secret: str, ip: str | None = "10.1.2.3") -> object:
    return token_authenticate(presented=secret, ip=ip, correlation_id="c")


def test_a_token_has_the_published_form_and_is_not_kept(people: People) -> None:
    issued = token_issue(user=people.owner.user, name="laptop", kind=TokenKind.PERSONAL, caller=TESTS)
    form = FORM.match(issued.secret)
    assert form
    assert form[1] == "pat"
    assert len(issued.secret) == 4 + 4 + 43 + 6
    row = ApiToken.objects.filter(pk=issued.token.pk).values().get()
    assert form[2] not in str(row)
    assert row["hint"] == form[2][:8]
    events = AuditEvent.objects.filter(object_id=issued.token.pk)
    assert [event.action for event in events] == ["token.issued"]
    assert form[2] not in str(events.values())


def test_a_mistyped_token_is_refused_without_a_query(
    people: People, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    secret = people.owner.secret
    mistyped = secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:]
    with django_assert_num_queries(0), pytest.raises(TokenInvalidError):
        authenticate(mistyped)


def test_a_caller_is_known_with_all_roles_in_one_query(
    people: People, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    secret = people.owner.secret
    authenticate(secret)  # its first use is written down
    with django_assert_num_queries(1):
        caller = people.owner.caller
    assert caller.name == "owner"
    assert caller.project_roles == {people.checkout.pk: frozenset({"developer"})}
    assert caller.team_roles == {}


def test_an_unknown_token_of_the_right_form_is_refused(people: People) -> None:
    body = "A" * 43
    with pytest.raises(TokenInvalidError):
        authenticate(f"slw_pat_{body}{checksum(body)}")


def test_a_revoked_token_is_refused_at_once(people: People) -> None:
    token = ApiToken.objects.get(user=people.owner.user)
    token_revoke(token=token, caller=TESTS)
    token_revoke(token=token, caller=TESTS)
    with pytest.raises(TokenInvalidError):
        authenticate(people.owner.secret)
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1


def test_a_process_keeps_who_holds_a_token_for_a_moment_and_judges_the_rest_each_time(
    people: People, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr(tokens, "_holders", keeping.Kept(setting="TOKEN_AGE_SECONDS"))
    monkeypatch.setattr(keeping, "monotonic", lambda: moment)
    owner = people.owner.user
    issued = token_issue(user=owner, name="cli", kind=TokenKind.PERSONAL, caller=TESTS, networks=["10.0.0.0/8"])
    with override_settings(TOKEN_AGE_SECONDS=1.0):
        first = token_authenticate(presented=issued.secret, ip="10.1.2.3", correlation_id="one")
        with django_assert_num_queries(0):
            second = token_authenticate(presented=issued.secret, ip="10.9.9.9", correlation_id="two")
        assert (first.ip, first.correlation_id) == ("10.1.2.3", "one")
        assert (second.ip, second.correlation_id) == ("10.9.9.9", "two")
        assert second.team_roles == first.team_roles
        with pytest.raises(TokenInvalidError):
            token_authenticate(presented=issued.secret, ip="192.0.2.1", correlation_id="three")
        with monkeypatch.context() as later:
            later.setattr(clock, "now", lambda: issued.token.expires_at)
            with pytest.raises(TokenExpiredError):
                token_authenticate(presented=issued.secret, ip="10.1.2.3", correlation_id="four")
        token_revoke(token=issued.token, caller=TESTS)
        moment = 1001.0
        with pytest.raises(TokenInvalidError):
            token_authenticate(presented=issued.secret, ip="10.1.2.3", correlation_id="five")


def test_an_inactive_user_has_no_token_in_force(people: People) -> None:
    people.owner.user.is_active = False
    people.owner.user.save()
    with pytest.raises(TokenInvalidError):
        authenticate(people.owner.secret)


def test_an_expired_token_says_so(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = people.owner.secret
    later = clock.now() + timedelta(days=91)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(TokenExpiredError):
        authenticate(secret)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(days=-1), timedelta(days=366, minutes=1)])
def test_a_life_out_of_bounds_is_refused(people: People, life: timedelta) -> None:
    with pytest.raises(TokenLifeError):
        token_issue(user=people.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, expires_at=clock.now() + life)
    assert ApiToken.objects.count() == 1


def test_a_token_of_an_inactive_user_is_refused(people: People) -> None:
    people.owner.user.is_active = False
    people.owner.user.save()
    with pytest.raises(TokenOwnerError, match="owner is inactive"):
        token_issue(user=people.owner.user, name="x", caller=TESTS)
    assert ApiToken.objects.count() == 1


def test_a_token_is_bound_to_a_team_or_to_a_project(people: People) -> None:
    with pytest.raises(TokenBindingError):
        token_issue(user=people.owner.user, name="x", caller=TESTS, team=people.shop, project=people.checkout)
    assert ApiToken.objects.count() == 1


def test_a_token_says_of_its_holder_what_its_owner_is(people: People) -> None:
    service = user_create(username="builds", kind=UserKind.SERVICE, caller=TESTS)
    for user, own, other in (
        (people.owner.user, TokenKind.PERSONAL, TokenKind.SERVICE),
        (service, TokenKind.SERVICE, TokenKind.PERSONAL),
    ):
        assert token_issue(user=user, name="x", caller=TESTS).token.kind == own
        assert token_issue(user=user, name="x", kind=TokenKind.CI, caller=TESTS).token.kind == TokenKind.CI
        before = ApiToken.objects.count()
        with pytest.raises(TokenKindError):
            token_issue(user=user, name="x", kind=other, caller=TESTS)
        assert ApiToken.objects.count() == before


def test_the_database_itself_bounds_a_tokens_life(people: People) -> None:
    token = ApiToken.objects.get(user=people.owner.user)
    with pytest.raises(IntegrityError, match="api_token_life_is_bounded"), transaction.atomic():
        ApiToken.objects.filter(pk=token.pk).update(expires_at=token.created_at + timedelta(days=367))


@pytest.mark.parametrize(
    ("ip", "is_in"), [("10.1.2.3", True), ("10.2.0.1", False), ("::1", False), (None, False), ("", False)]
)
def test_a_token_counts_only_from_its_networks(people: People, ip: str | None, *, is_in: bool) -> None:
    issued = token_issue(user=people.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, networks=["10.1.0.0/16"])
    if is_in:
        assert authenticate(issued.secret, ip)
    else:
        with pytest.raises(TokenInvalidError):
            authenticate(issued.secret, ip)


def test_last_use_is_written_once_a_minute(people: People, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    secret = people.owner.secret
    with django_assert_num_queries(2):
        authenticate(secret)
    with django_assert_num_queries(1):
        authenticate(secret)
    used = ApiToken.objects.get(user=people.owner.user).last_used_at
    assert used is not None
    assert (used.second, used.microsecond) == (0, 0)


def test_a_token_bound_to_a_project_carries_the_teams_roles_there_and_nowhere_else(people: People) -> None:
    issued = token_issue(user=people.teammate.user, name="ci", kind=TokenKind.CI, caller=TESTS, project=people.checkout)
    caller = token_authenticate(presented=issued.secret, ip=None, correlation_id="c")
    assert caller.team_roles == {}
    assert caller.project_roles == {people.checkout.pk: frozenset({"developer"})}


def test_a_binding_gives_nothing_of_its_own(people: People) -> None:
    bindings: list[dict[str, Any]] = [{"team": people.shop}, {"project": people.checkout}]
    for binding in bindings:
        issued = token_issue(user=people.stranger.user, name="x", kind=TokenKind.CI, caller=TESTS, **binding)
        caller = token_authenticate(presented=issued.secret, ip=None, correlation_id="c")
        assert (caller.team_roles, caller.project_roles) == ({}, {})
        assert not projects_visible(caller=caller)
        assert not teams_visible(caller=caller)


def test_a_token_bound_to_a_team_shows_who_has_a_role_on_one_project_no_other(people: People) -> None:
    project_create(team=people.shop, slug="other", name="Other", caller=TESTS)
    issued = token_issue(user=people.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, team=people.shop)
    caller = token_authenticate(presented=issued.secret, ip=None, correlation_id="c")
    assert [project.slug for project in projects_visible(caller=caller)] == ["checkout"]


@pytest.mark.parametrize("binding", ["team", "project"])
def test_who_has_lost_the_last_role_sees_nothing_with_a_token_that_is_bound(people: People, binding: str) -> None:
    bound: dict[str, Any] = {"team": people.shop} if binding == "team" else {"project": people.checkout}
    issued = token_issue(user=people.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, **bound)
    role_revoke(user=people.owner.user, role=Role.DEVELOPER, on=people.checkout, caller=TESTS)
    assert not projects_visible(caller=token_authenticate(presented=issued.secret, ip=None, correlation_id="c"))


def test_a_bound_token_of_an_overseer_shows_what_it_is_bound_to(people: People) -> None:
    issued = token_issue(user=people.auditor.user, name="x", kind=TokenKind.CI, caller=TESTS, project=people.checkout)
    caller = token_authenticate(presented=issued.secret, ip=None, correlation_id="c")
    assert [project.slug for project in projects_visible(caller=caller)] == ["checkout"]
    assert caller.roles_in(team_id=people.shop.pk, project_id=people.checkout.pk) == frozenset()


def test_a_bound_token_of_an_auditor_does_not_oversee(people: People) -> None:
    issued = token_issue(user=people.auditor.user, name="x", kind=TokenKind.CI, caller=TESTS, team=people.shop)
    assert not token_authenticate(presented=issued.secret, ip=None, correlation_id="c").is_auditor
    assert people.auditor.caller.is_auditor


def test_a_role_taken_counts_no_more(people: People) -> None:
    assert people.owner.caller.project_roles
    role_revoke(user=people.owner.user, role=Role.DEVELOPER, on=people.checkout, caller=TESTS)
    assert not people.owner.caller.project_roles


def test_a_token_keeps_only_the_scopes_it_was_made_with(people: People) -> None:
    issued = token_issue(user=people.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, scopes={Scope.CATALOG_READ})
    assert token_authenticate(presented=issued.secret, ip=None, correlation_id="c").scopes == {"catalog:read"}
