"""The auditor's site is read-only by construction: no page, address or method of it changes anything."""

from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import InternalError
from django.test import Client
from django.urls import reverse

from platform_api import admin as admin_site
from platform_api.audit.models import AuditEvent
from platform_api.audit.services.events import event_record
from platform_api.core.ids import KIND_OF_PREFIX, Prefix, new_id, show
from platform_api.tenancy.admin.managing import ManagedAdmin
from platform_api.tenancy.admin.reading import ReadOnlyAdmin
from platform_api.tenancy.models import Team
from provisioning.admin.runs import RunAdmin
from provisioning.selectors.stories import HIDDEN
from provisioning.services.execution.credentials import Credentials
from tests.factories import ADMIN_PASSWORD
from tests.integration.admin.conftest import SEALED_INPUT
from tests.integration.admin.site import MODELS, NAMES, Story, contents, crawl, list_of, page_of, text_of
from tests.people import TESTS, People

pytestmark = pytest.mark.django_db

HISTORY = {"Requests", "Runs", "Resources", "Environments", "Audit events"}


def test_everything_is_on_the_site_that_auditors_ask_for() -> None:
    assert NAMES.keys() >= HISTORY
    managed = {admin.plural for _model, admin in MODELS if isinstance(admin, ManagedAdmin)}
    assert managed.isdisjoint(HISTORY)


def test_an_auditor_can_follow_every_link_and_changes_nothing(auditor: Client, story: Story) -> None:
    auditor.get("/admin/")
    before = contents()
    seen = crawl(auditor, pages=400)
    assert contents() == before
    assert {answer.status_code for answer in seen.values()} == {200, 302}
    pages = [address for address in seen if address.endswith("/change/")]
    for model, _admin in MODELS:
        place = f"/{model._meta.app_label}/{model._meta.model_name}/"
        assert [page for page in pages if place in page], f"no page of {model} was reached"
    for address, answer in seen.items():
        assert b'method="post"' not in answer.content.replace(b'action="/admin/logout/" method="post"', b""), address


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_no_method_of_any_address_lets_an_auditor_write(auditor: Client, story: Story, method: str) -> None:
    for model, admin in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        thing = model._default_manager.order_by("-pk").first()
        assert thing is not None, f"the story has no {model}"
        shown = show(admin.prefix, thing.pk)
        before, refused = contents(), AuditEvent.objects.filter(action="call.refused").count()
        addresses = [reverse(f"{name}_changelist"), reverse(f"{name}_add")]
        addresses += [reverse(f"{name}_{verb}", args=[shown]) for verb in ("change", "delete", "history")]
        form = {"action": "delete_selected", "_selected_action": shown, "index": "0", "post": "yes", "_save": "1"}
        for address in addresses:
            answer = getattr(auditor, method)(address, form if method == "post" else None)
            assert answer.status_code in {403, 405}, f"{method} {address}"
        after = contents()
        assert {table for table in after if after[table] != before[table]} == {"audit_event"}
        assert AuditEvent.objects.filter(action="call.refused").count() == refused + len(addresses)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_no_method_of_the_sites_own_addresses_writes(auditor: Client, story: Story, method: str) -> None:
    auditor.get("/admin/")
    before = contents()
    shown = show(Prefix.RUN, story.made.pk)
    for address in ("/admin/", "/admin/find/?q=orders", f"/admin/id/{shown}/", "/admin/nowhere/"):
        answer = getattr(auditor, method)(address)
        assert answer.status_code in {403, 404, 405}, f"{method} {address}"
    after = contents()
    assert {table for table in after if after[table] != before[table]} == {"audit_event"}


def test_pages_to_add_or_delete_are_refused_to_auditors(auditor: Client, story: Story) -> None:
    for model, admin in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        thing = model._default_manager.first()
        assert thing is not None
        assert auditor.get(reverse(f"{name}_add")).status_code == 403
        assert auditor.get(reverse(f"{name}_delete", args=[show(admin.prefix, thing.pk)])).status_code == 403


def test_nobody_deletes_not_even_platform_admins(admin: Client, story: Story) -> None:
    before = contents()
    for model, model_admin in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        thing = model._default_manager.first()
        assert thing is not None
        address = reverse(f"{name}_delete", args=[show(model_admin.prefix, thing.pk)])
        assert admin.get(address).status_code == 403
        assert admin.post(address, {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": str(thing.pk), "post": "yes"}
        assert admin.post(reverse(f"{name}_changelist"), chosen).status_code == 405
    after = contents()
    assert {table for table in after if after[table] != before[table]} == {"audit_event"}


def test_a_page_that_tried_to_write_would_be_stopped_by_the_database(
    auditor: Client, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes(self: ReadOnlyAdmin, request: object, thing: object) -> list[object]:
        Team.objects.create(slug="written", name="By a page")
        return []

    monkeypatch.setattr(RunAdmin, "sections", writes)
    with pytest.raises(InternalError, match="read-only transaction"):
        auditor.get(page_of("Runs", Prefix.RUN, story.made.pk))
    assert not Team.objects.filter(slug="written").exists()


def test_nothing_secret_is_on_any_page(auditor: Client, admin: Client, story: Story, people: People) -> None:
    secrets = {
        "the admin's password of a connection": ADMIN_PASSWORD.encode(),
        "a sensitive output": b"the-sensitive-output",
        "the input of a policy": SEALED_INPUT,
        "a verifier": b"SCRAM-SHA-256$",
    }
    credential = story.resource.credentials.get()
    assert credential.sealed is not None
    secrets["a sealed value"] = bytes(credential.sealed).hex().encode()[:40]
    opened = Credentials.of(credential)
    assert opened.password
    assert opened.verifiers
    secrets |= {f"secret {number} of a credential": text.encode() for number, text in enumerate(opened.secrets)}
    for person in (people.owner, people.auditor, people.admin):
        token = person.user.api_tokens.get()
        secrets[f"the digest of {person.user}'s token"] = token.digest.encode()
        secrets[f"{person.user}'s token"] = person.secret.encode()
        secrets[f"{person.user}'s password"] = person.user.password.encode()
    pages = {**crawl(auditor, pages=300), **crawl(admin, pages=300)}
    assert len(pages) > 60
    for address, answer in pages.items():
        found = [what for what, secret in secrets.items() if secret in answer.content]
        assert not found, f"{address} shows {found}"


def test_a_secret_parameter_is_hidden(auditor: Client, story: Story) -> None:
    version, ask = story.made.offering_version, story.made.provisioning_request
    assert ask is not None
    schema = {"properties": {"size": {}, "color": {"writeOnly": True}}}
    with patch.object(type(version), "parameters_schema", schema):
        answer = auditor.get(page_of("Requests", Prefix.PROVISIONING_REQUEST, ask.pk))
    assert f'"color": "{HIDDEN}"' in text_of(answer)
    assert "blue" not in text_of(answer)
    assert '"size": 3' in text_of(answer)


@pytest.mark.parametrize(
    "query",
    [
        "credentials__sealed__startswith=a",
        "connection__credentials__isnull=0",
        "project__team__slug=shop",
        "user__password__startswith=md5",
        "digest__startswith=a",
        "_to_field=digest",
    ],
)
def test_lists_take_no_lookup_by_which_a_secret_could_be_guessed(auditor: Client, query: str, story: Story) -> None:
    for plural in ("Resources", "Tokens"):
        answer = auditor.get(f"{list_of(plural)}?{query}")
        assert answer.status_code == 400, f"{plural} {query}"


@pytest.mark.parametrize("shown", ["run_8zzzzzzzzzzzzzzzzzzzzzzzzz", "nonsense", "1", "%00", "res_%F0%9F%92%A9"])
def test_what_is_no_id_has_no_page(auditor: Client, shown: str) -> None:
    assert auditor.get(f"/admin/provisioning/run/{shown}/change/").status_code in {400, 404}
    assert auditor.get(f"/admin/id/{shown}/").status_code in {400, 404}


def test_an_id_of_another_kind_has_no_page_here(auditor: Client, story: Story) -> None:
    shown = show(Prefix.RESOURCE, story.resource.pk)
    assert auditor.get(f"/admin/provisioning/run/{shown}/change/").status_code == 404


def test_a_missing_thing_has_no_page(auditor: Client) -> None:
    missing: UUID = new_id()
    assert auditor.get(page_of("Runs", Prefix.RUN, missing)).status_code == 404


def test_the_history_of_a_thing_is_its_audit_events(auditor: Client, story: Story) -> None:
    shown = show(Prefix.RUN, story.made.pk)
    answer = auditor.get(f"/admin/provisioning/run/{shown}/history/")
    assert answer.headers["Location"] == f"{list_of('Audit events')}?object={shown}"
    listed = text_of(auditor.get(answer.headers["Location"]))
    assert "run.applied" in listed
    assert "resource.ready" not in listed


def test_every_page_tells_the_newest_event_first(auditor: Client, story: Story) -> None:
    for model, admin in MODELS:
        kind = KIND_OF_PREFIX.get(admin.prefix)
        if kind is None or admin.prefix is Prefix.PROVISIONING_REQUEST:  # whose page tells a story from its beginning
            continue
        thing = model._default_manager.first()
        assert thing is not None
        for action in ("test.earlier", "test.later"):
            event_record(caller=TESTS, action=action, object_type=kind, object_id=thing.pk, object_name="x")
        page = auditor.get(page_of(admin.plural, admin.prefix, thing.pk))
        (events,) = (section for section in page.context["sections"] if section.title == "Audit events")
        assert [row[1].text for row in events.rows[:2]] == ["test.later", "test.earlier"], admin.plural


def test_every_list_has_its_chapter_in_the_navigation(auditor: Client) -> None:
    first = text_of(auditor.get("/admin/"))
    for chapter in admin_site.CHAPTERS:
        assert chapter.title in first
        for each in chapter.lists:
            assert each.plural in first
            assert each.about in first
