"""What platform admins change: each by a service, each with exactly one audit event, and no secret in it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from governance.models import Quota
from platform_api.audit.models import AuditEvent, Outcome
from platform_api.core import clock
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models import ApiToken, Project, Team, User
from platform_api.tenancy.services.tokens import TokenInvalidError, token_authenticate
from tests.factories import Orders
from tests.integration.admin.forms import CONNECTION, add, change, is_done, newest_events, only_event
from tests.integration.admin.site import browser, contents, list_of, page_of, text_of
from tests.people import People

pytestmark = pytest.mark.django_db


def test_a_team_is_made_and_renamed(admin: Client, people: People) -> None:
    assert is_done(add(admin, "Teams", slug="web", name="Web"))
    team = Team.objects.get(slug="web")
    assert only_event("team.created", people).after == {"slug": "web", "name": "Web"}
    assert is_done(change(admin, "Teams", Prefix.TEAM, team, name="Web shop"))
    renamed = newest_events()[-1]
    assert (renamed.action, renamed.before, renamed.after) == ("team.renamed", {"name": "Web"}, {"name": "Web shop"})
    team.refresh_from_db()
    assert (team.slug, team.name) == ("web", "Web shop")
    assert "The team was renamed." in text_of(admin.get(page_of("Teams", Prefix.TEAM, team.pk)))


def test_the_same_name_again_is_no_change(admin: Client, people: People) -> None:
    assert is_done(change(admin, "Teams", Prefix.TEAM, people.shop, name="Shop"))
    assert newest_events() == []


def test_a_project_is_made_and_renamed(admin: Client, people: People) -> None:
    assert is_done(add(admin, "Projects", team=people.shop.slug, slug="carts", name="Carts"))
    project = Project.objects.get(slug="carts")
    event = only_event("project.created", people)
    assert (event.team_id, event.project_id) == (people.shop.pk, project.pk)
    assert is_done(change(admin, "Projects", Prefix.PROJECT, project, name="Baskets"))
    renamed = newest_events()[-1]
    assert (renamed.action, renamed.team_id, renamed.project_id) == ("project.renamed", people.shop.pk, project.pk)


@pytest.mark.parametrize(
    ("plural", "form", "problem"),
    [
        ("Teams", {"slug": "Not A Slug", "name": "x"}, "Use 2 to 40 of"),
        ("Teams", {"slug": "web"}, "This field is required."),
        ("Teams", {"slug": "web", "name": "nul \x00"}, "Null characters are not allowed."),
        ("Projects", {"team": "nobody", "slug": "web", "name": "x"}, "There is no team nobody."),
        ("Tokens", {"owner": "nobody", "name": "x", "scopes": ["catalog:read"]}, "There is no user nobody."),
        ("Tokens", {"owner": "owner", "name": "x", "scopes": ["moon:walk"]}, "Select a valid choice."),
        ("Tokens", {"owner": "owner", "name": "x"}, "This field is required."),
        ("Tokens", {"owner": "owner", "name": "x", "scopes": ["catalog:read"], "networks": "10.0.0.0/8 x y"}, "x, y"),
        ("Connections", {**CONNECTION, "teams": "shop nobody"}, "These are of no use: nobody."),
        ("Connections", {**CONNECTION, "tiers": []}, "This field is required."),
        ("Connections", {**CONNECTION, "kind": "aws"}, "Select a valid choice."),
        ("Quotas", {"project": "checkout", "of": "team", "kind": "moons", "limit": "1", "reason": "r" * 9}, "count:"),
    ],
)
def test_a_form_that_is_not_sound_changes_nothing_and_says_why(
    admin: Client, people: People, plural: str, form: dict[str, Any], problem: str
) -> None:
    assert (people.owner.user.username, people.shop.slug) == ("owner", "shop")
    admin.get("/admin/")
    before = contents()
    answer = add(admin, plural, **form)
    assert answer.status_code == 200
    assert problem in text_of(answer)
    assert contents() == before
    assert "hunter2" not in answer.content.decode()


def test_what_a_service_refuses_is_told_in_the_form_and_recorded(admin: Client, people: People) -> None:
    assert people.shop.slug == "shop"
    answer = add(admin, "Teams", slug="shop", name="Again")
    assert answer.status_code == 200
    assert "There is a team shop already. Choose another slug." in text_of(answer)
    (event,) = newest_events()
    assert (event.action, event.outcome, event.code) == ("call.refused", Outcome.REFUSED, "name_taken")
    assert event.object_name == "POST /admin/tenancy/team/add/"


def test_a_limit_is_set_before_the_first_order(admin: Client, people: People) -> None:
    assert people.checkout.slug == "checkout"
    form = {"kind": "points", "reason": "A new product line"}
    assert is_done(add(admin, "Quotas", project="checkout", of="team", limit="77", **form))
    assert is_done(add(admin, "Quotas", project="checkout", of="project", limit="7", **form))
    assert set(Quota.objects.values_list("scope_name", "limit")) == {("team:shop", 77), ("project:checkout", 7)}
    first, second = newest_events()
    assert (first.action, first.after, first.reason) == ("quota.limit_set", {"limit": 77}, "A new product line")
    assert second.project_id == people.checkout.pk


def test_a_limit_is_changed_with_a_reason_and_only_by_who_saw_the_present_one(admin: Client, orders: Orders) -> None:
    orders.provision()
    quota = Quota.objects.get(scope_name="project:checkout", kind="points")
    form = {"limit": "5", "reason": "They asked nicely", "version": str(quota.version)}
    assert is_done(change(admin, "Quotas", Prefix.QUOTA, quota, **form))
    event = only_event("quota.limit_set", orders.people)
    assert (event.before, event.after, event.reason) == ({"limit": 1000}, {"limit": 5}, "They asked nicely")
    answer = change(admin, "Quotas", Prefix.QUOTA, quota, **form)
    assert "has version 2, not 1. Read it again, and decide again." in text_of(answer)
    assert change(admin, "Quotas", Prefix.QUOTA, quota, **{**form, "reason": "short"}).status_code == 200
    quota.refresh_from_db()
    assert (quota.limit, quota.version) == (5, 2)


def test_a_service_is_made(admin: Client, people: People) -> None:
    assert is_done(add(admin, "Users", username="builds", name="Nightly builds"))
    made = User.objects.get(username="builds")
    assert (made.kind, made.is_staff, made.has_usable_password()) == ("service", False, False)
    only_event("user.created", people)


def test_a_token_is_shown_once_and_works(admin: Client, people: People) -> None:
    last_day = (clock.now() + timedelta(days=10)).date()
    answer = add(
        admin,
        "Tokens",
        owner=people.owner.user.username,
        name="nightly",
        scopes=["catalog:read", "audit:read"],
        project=people.checkout.slug,
        networks="127.0.0.0/8",
        last_day=last_day.isoformat(),
    )
    assert answer.status_code == 200
    (secret,) = re.findall(r"slw_pat_[0-9A-Za-z]{49}", answer.content.decode())
    assert "no-store" in answer.headers["Cache-Control"]
    token = ApiToken.objects.get(name="nightly")
    assert token.expires_at.date() == last_day + timedelta(days=1)
    caller = token_authenticate(presented=secret, ip="127.0.0.1", correlation_id="c")
    assert (caller.name, caller.scopes) == ("owner", frozenset({"catalog:read", "audit:read"}))
    event = only_event("token.issued", people)
    assert (event.object_id, event.project_id) == (token.pk, people.checkout.pk)
    assert secret[8:] not in str(AuditEvent.objects.values())
    for address in (page_of("Tokens", Prefix.API_TOKEN, token.pk), list_of("Tokens")):
        page = admin.get(address).content.decode()
        assert f"slw_pat_{token.hint}…" in page
        assert secret not in page
        assert token.digest not in page
    assert secret not in str(admin.session.items())


def test_a_token_of_a_service_says_that_it_is_one(admin: Client) -> None:
    add(admin, "Users", username="builds")
    answer = add(admin, "Tokens", owner="builds", name="nightly", scopes=["catalog:read"])
    assert re.search(r"slw_svc_[0-9A-Za-z]{49}", answer.content.decode())


def test_a_token_is_refused_that_lives_too_long_or_binds_twice_or_is_of_nobody_active(
    admin: Client, people: People
) -> None:
    form = {"owner": people.owner.user.username, "name": "x", "scopes": ["catalog:read"]}
    too_late = (clock.now() + timedelta(days=400)).date().isoformat()
    assert "at most 366 days" in text_of(add(admin, "Tokens", **form, last_day=too_late))
    both = {"team": people.shop.slug, "project": people.checkout.slug}
    assert "not both" in text_of(add(admin, "Tokens", **form, **both))
    User.objects.filter(username="owner").update(is_active=False)
    assert "owner is inactive. Choose an owner who is active." in text_of(add(admin, "Tokens", **form))
    assert not ApiToken.objects.filter(name="x").exists()
    assert [event.code for event in newest_events()] == [
        "token_life_refused",
        "token_binding_refused",
        "token_owner_inactive",
    ]


def test_a_token_is_revoked_once_and_stays_in_the_list(admin: Client, people: People) -> None:
    token = people.owner.user.api_tokens.get()
    assert change(admin, "Tokens", Prefix.API_TOKEN, token).status_code == 200
    assert newest_events() == []
    assert is_done(change(admin, "Tokens", Prefix.API_TOKEN, token, is_sure="on"))
    only_event("token.revoked", people)
    with pytest.raises(TokenInvalidError):
        token_authenticate(presented=people.owner.secret, ip=None, correlation_id="c")
    page = admin.get(page_of("Tokens", Prefix.API_TOKEN, token.pk))
    assert page.context["form"] is None
    assert "revoked" in text_of(page)
    before = ApiToken.objects.values().get(pk=token.pk)
    again = change(admin, "Tokens", Prefix.API_TOKEN, token, is_sure="on")
    assert again.status_code == 409
    assert "This cannot be done to it as it is now" in text_of(again)
    assert ApiToken.objects.values().get(pk=token.pk) == before
    assert [(event.action, event.code) for event in newest_events()] == [
        ("token.revoked", ""),
        ("call.refused", "form_not_applicable"),
    ]


def test_forms_are_for_platform_admins_alone(people: People, orders: Orders, admin: Client) -> None:
    orders.provision()
    auditor = browser(people.auditor.user)
    things = {
        "Teams": (Prefix.TEAM, people.shop, {"name": "Renamed"}),
        "Projects": (Prefix.PROJECT, people.checkout, {"name": "Renamed"}),
        "Quotas": (Prefix.QUOTA, Quota.objects.first(), {"limit": "1", "reason": "because I can", "version": "1"}),
        "Connections": (Prefix.CONNECTION, orders.target, {"host": "evil", "port": "1", "tiers": ["staging"]}),
        "Tokens": (Prefix.API_TOKEN, people.owner.user.api_tokens.get(), {"is_sure": "on"}),
    }
    for plural, (prefix, thing, form) in things.items():
        assert thing is not None
        address = page_of(plural, prefix, thing.pk)
        assert b'id="change"' not in auditor.get(address).content
        assert b'id="change"' in admin.get(address).content
        assert "add/" not in auditor.get(list_of(plural)).content.decode()
        assert "add/" in admin.get(list_of(plural)).content.decode()
        before = contents()
        assert auditor.post(address, form).status_code == 403
        after = contents()
        assert {table for table in after if after[table] != before[table]} == {"audit_event"}
    refused = newest_events()
    assert {(event.action, event.code, event.actor_name) for event in refused} == {
        ("call.refused", "forbidden", "auditor")
    }
    assert len(refused) == len(things)


def test_a_form_to_a_thing_that_is_not_there_is_refused(admin: Client) -> None:
    missing = show(Prefix.TEAM, Team(slug="x").pk)
    assert admin.post(f"/admin/tenancy/team/{missing}/change/", {"name": "x"}).status_code == 404
