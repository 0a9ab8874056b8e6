"""Who may enter the admin site, and what every answer of it brings."""

import pytest
from django.test import Client
from django.urls import reverse

from platform_api.admin import site
from platform_api.core.callers import CallerKind
from platform_api.tenancy.models import Team
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.users import user_create
from tests.integration.admin.site import MODELS, browser, list_of, text_of
from tests.people import TESTS, People

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-that-is-long-enough"


def test_the_site_passes_djangos_own_checks() -> None:
    assert site.check(None) == []


@pytest.mark.parametrize("who", ["owner", "viewer", "lead", "approver"])
def test_whoever_oversees_nothing_is_sent_to_the_log_in_from_everywhere(people: People, who: str) -> None:
    client = browser(getattr(people, who).user)
    for model, _admin in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for address in (reverse(f"{name}_changelist"), reverse(f"{name}_add")):
            answer = client.get(address)
            assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={address}")
    answer = client.get("/admin/login/")
    assert f"You are {who}, who may not enter" in text_of(answer)
    assert "Requests" not in text_of(answer)


def test_whoever_has_not_logged_in_is_sent_to_the_log_in() -> None:
    answer = Client().get(list_of("Audit events"))
    assert answer.headers["Location"].startswith("/admin/login/?next=/admin/audit/")


@pytest.mark.parametrize(("role", "is_let_in"), [("", False), ("auditor", True), ("platform_admin", True)])
def test_the_site_lets_in_overseers_alone_and_leads_others_to_the_docs(role: str, *, is_let_in: bool) -> None:
    user_create(
        username="dana",
        caller=TESTS,
        password=PASSWORD,
        is_auditor=role == "auditor",
        is_platform_admin=role == "platform_admin",
    )
    client = Client()
    answer = client.post("/admin/login/", {"username": "dana", "password": PASSWORD, "next": "/admin/"})
    assert answer.headers["Location"] == ("/admin/" if is_let_in else "/docs/")
    assert (client.get("/admin/").status_code == 200) == is_let_in


def test_a_wrong_password_and_an_unknown_name_are_told_alike(people: People) -> None:
    told = set()
    for username in (people.admin.user.username, "nobody"):
        answer = Client().post("/admin/login/", {"username": username, "password": "wrong", "next": "/admin/"})
        told.add(answer.content.decode().partition('role="alert"')[2].partition("</ul>")[0])
    (words,) = told
    assert "do not let you in" in words


def test_an_inactive_auditor_is_out_at_once(people: People, auditor: Client) -> None:
    assert auditor.get("/admin/").status_code == 200
    people.auditor.user.is_active = False
    people.auditor.user.save()
    assert auditor.get("/admin/").status_code == 302


def test_a_role_that_was_taken_ends_the_visit(people: People, auditor: Client) -> None:
    people.auditor.user.is_auditor = False
    people.auditor.user.save()
    assert auditor.get(list_of("Requests")).status_code == 302


def test_a_service_never_enters() -> None:
    service = user_create(username="builds", caller=TESTS, kind=UserKind.SERVICE, password=PASSWORD)
    assert service.kind == CallerKind.SERVICE.value
    assert browser(service).get("/admin/").status_code == 302


def test_the_log_out_ends_the_session(auditor: Client) -> None:
    assert auditor.post("/admin/logout/").headers["Location"] == "/admin/login/"
    assert auditor.get("/admin/").status_code == 302


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/admin/provisioning/run/", "/docs/"])
def test_pages_allow_no_script_and_no_style_but_from_files_of_our_own(auditor: Client, address: str) -> None:
    client = Client() if address.endswith("login/") else auditor
    answer = client.get(address)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    body = answer.content.decode()
    assert "<style" not in body
    assert " style=" not in body
    assert " onclick=" not in body
    assert body.count("<script") == body.count("<script src=")


def test_a_form_from_elsewhere_is_refused_with_a_page(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.admin.user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/admin/tenancy/team/add/", {"slug": "evil", "name": "Evil"})
    assert answer.status_code == 403
    assert "The form was not taken" in text_of(answer)
    assert not Team.objects.filter(slug="evil").exists()


def test_pages_are_kept_by_no_cache(auditor: Client) -> None:
    assert "no-store" in auditor.get("/admin/").headers["Cache-Control"]


def test_an_address_without_a_page_is_told_on_a_page(auditor: Client) -> None:
    answer = auditor.get("/admin/nowhere/")
    assert answer.status_code == 404
    assert "There is no such thing" in text_of(answer)
    assert "Requests" in text_of(answer)
