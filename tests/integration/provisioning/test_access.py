"""The table of who gets what, held against the running application: every cell, and every route that there is."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.urls import reverse

from platform_api.admin import site
from platform_api.core.ids import show
from platform_api.tenancy.admin.managing import ManagedAdmin
from platform_api.tenancy.admin.reading import ReadOnlyAdmin
from platform_api.tenancy.management.commands.access_document import document
from platform_api.tenancy.models.access import API_ROUTES, OPEN_ROUTES, ROUTES, SITE_ROUTES, Outcome, Route, Who
from tests.integration.provisioning.routes import VIEWS, label, resolved
from tests.integration.provisioning.world import World, is_written, undone, versions

LISTS = [each for each in site._registry.values() if isinstance(each, ReadOnlyAdmin)]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STATUSES = {
    Outcome.NONE_OF_IT: 200, Outcome.UNAUTHENTICATED: 401, Outcome.FORBIDDEN: 403, Outcome.NOT_FOUND: 404,
    Outcome.NOT_TAKEN: 405, Outcome.REFUSED: 422, Outcome.LOG_IN: 302,
}  # fmt: skip


def kind_of(model_admin: ReadOnlyAdmin) -> str:
    """Return the word that stands for a list of the admin site."""
    if not isinstance(model_admin, ManagedAdmin) or model_admin.add_form_class is None:
        return "{read}"
    return "{made}" if model_admin.change_form_class is None else "{managed}"


def listed(route: Route) -> list[tuple[Route, ReadOnlyAdmin | None]]:
    """Return the routes that a line of the table stands for, one of each list of the admin site."""
    word = re.search(r"\{(any|read|made|managed)\}", route.path)
    if word is None:
        return [(route, None)]
    fitting = [each for each in LISTS if word[0] in {"{any}", kind_of(each)}]
    return [
        (
            replace(route, path=route.path.replace(f"/admin/{word[0]}/", reverse(f"admin:{_name(each)}_changelist"))),
            each,
        )
        for each in fitting
    ]


def _name(model_admin: ReadOnlyAdmin) -> str:
    return f"{model_admin.opts.app_label}_{model_admin.opts.model_name}"


def test_the_table_has_every_route_and_no_other() -> None:
    expanded = {each.path for route in ROUTES for each, _ in listed(route)}
    assert {path for path, _ in resolved()} == expanded
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


def test_the_table_has_every_method_of_the_api_and_the_scope_that_it_needs() -> None:
    taken = {(method, path) for path, view in VIEWS.items() for method in METHODS if hasattr(view, method.lower())}
    assert taken == {(route.method, route.path) for route in API_ROUTES}
    for route in API_ROUTES:
        assert getattr(VIEWS[route.path], "scopes", {}).get(route.method) == route.scope, route.path


def test_the_documentation_is_the_table() -> None:
    shipped = Path(__file__).resolve().parents[3] / "docs" / "access.md"
    assert shipped.read_text(encoding="utf-8") == document(), "make it again: manage.py access_document docs/access.md"


def differs(world: World, route: Route, who: Who, answer: HttpResponse) -> bool:
    """Tell whether an answer is not what the table says."""
    outcome = route.access[who]
    if outcome is Outcome.ALLOWED:
        return answer.status_code != route.status if route.status else answer.status_code >= 400
    if outcome is Outcome.LOG_IN and not answer.headers["Location"].startswith(("/admin/login/", "/admin/")):
        return True
    if outcome is Outcome.NONE_OF_IT and any(mark in answer.content.decode() for mark in world.marks):
        return True
    return answer.status_code != STATUSES[outcome]


def walk(world: World, route: Route, **ids: str) -> dict[str, object]:
    """Call a route as everybody, and return what is not as the table says."""
    wrong: dict[str, object] = {}
    before = versions()
    for who in Who:
        with undone():
            answer = world.call(route, who, client=None, **ids)
            is_denied = route.access[who] is not Outcome.ALLOWED
            if differs(world, route, who, answer):
                wrong[who.value] = (answer.status_code, answer.content.decode()[:300])
            elif (is_denied or route.method == "GET") and is_written() and versions() != before:
                wrong[who.value] = "something was changed"
    return wrong


@pytest.mark.parametrize("route", [*API_ROUTES, *OPEN_ROUTES], ids=label)
def test_everybody_gets_what_the_table_says(world: World, route: Route) -> None:
    assert walk(world, route) == {}


@pytest.mark.parametrize("route", SITE_ROUTES, ids=label)
def test_everybody_gets_on_the_admin_site_what_the_table_says(world: World, route: Route) -> None:
    for each, model_admin in listed(route):
        ids = {"shown": world.ids["run_id"], "url": "nowhere"}
        if model_admin is not None:
            thing = model_admin.of._default_manager.order_by("pk").last()
            assert thing is not None
            ids["object_id"] = show(model_admin.prefix, thing.pk)
        assert walk(world, each, **ids) == {}, each.path


@pytest.mark.parametrize("path", sorted({route.path for route in API_ROUTES}))
def test_other_methods_are_not_taken_and_change_nothing(world: World, path: str) -> None:
    taken = {route.method for route in API_ROUTES if route.path == path}
    for method in set(METHODS) - taken:
        route = Route(method, path, dict.fromkeys(Who, Outcome.NOT_TAKEN))
        with undone():
            before = versions()
            assert world.call(route, Who.ADMIN).status_code == 405, method
            assert versions() == before
