"""What belongs to others: answered exactly as if it were not there, and in no list, whatever is asked."""

import itertools
import re
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from platform_api.core.ids import Prefix, new_id, show
from platform_api.tenancy.models.access import API_ROUTES, Route, Who
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.services.teams import role_grant
from provisioning.models import ProvisioningRequest
from tests.integration.provisioning.house import ask
from tests.integration.provisioning.routes import KINDS, LISTS, NAMING, label
from tests.integration.provisioning.world import World, undone, versions
from tests.people import TESTS, Person, person

OWNED = {name: kind for name, kind in KINDS.items() if name not in {"name", "offering"}}
"""Parameters of addresses that name something of a team; an environment's name does so only within its project."""

DETAILS = [(route, name) for route, name in NAMING if name in OWNED]
LISTED = [route for route in API_ROUTES if route.method == "GET" and route.path in LISTS]
SUBMIT = next(route for route in API_ROUTES if (route.method, route.path) == ("POST", "/api/v1/requests"))
VARYING = {"Correlation-Id", "Content-Length", "traceparent", "RateLimit"}


def told(answer: HttpResponse, *named: str) -> tuple[Any, ...]:
    """Return an answer without what differs from call to call: the ids that were named, and the exchange's own."""
    text = re.sub(r'"correlation_id":"\w+"', "", answer.content.decode())
    for each in named:
        text = text.replace(each, "…")
    return answer.status_code, text, {name: value for name, value in answer.headers.items() if name not in VARYING}


def count(queries: CaptureQueriesContext) -> int:
    """Count what was asked of the database, but for the token's use, which is written down once a minute."""
    return sum('"last_used_at" =' not in query["sql"] for query in queries)


def missing(prefix: Prefix) -> str:
    """Return an id that nothing has."""
    return show(prefix, new_id())


@pytest.mark.parametrize(("route", "name"), DETAILS, ids=label)
def test_a_strangers_thing_answers_exactly_like_a_missing_one(world: World, route: Route, name: str) -> None:
    there = [show(Prefix.PROJECT, world.people.checkout.pk), *(world.ids[kind] for kind in OWNED)]
    client = world.client(Who.STRANGER, route)
    world.call(route, Who.STRANGER, client=client)  # the token's first use is written down
    answers = []
    for named in (*there, *(missing(prefix) for prefix in OWNED.values()), "nowhere"):
        with undone():
            before = versions()
            with CaptureQueriesContext(connection) as queries:
                answer = world.call(route, Who.STRANGER, client=client, **{name: named})
            assert versions() == before
        kind = named[: named.find("_") + 1]  # nothing for a slug
        answers.append((kind, told(answer, named), count(queries)))
    assert {answer[0] for _, answer, _ in answers} == {404}
    assert len({str(answer) for _, answer, _ in answers}) == 1, answers
    assert len({(kind, count) for kind, _, count in answers}) == len({kind for kind, _, _ in answers}), answers


BODIES: dict[str, tuple[Prefix, dict[str, Any]]] = {
    "project": (Prefix.PROJECT, ask(name="fresh")),
    "environment": (Prefix.ENVIRONMENT, ask(name="fresh", project="spy")),
    "resource of update": (Prefix.RESOURCE, {"operation": "update", "plan": "small"}),
    "resource of rotate": (Prefix.RESOURCE, {"operation": "rotate"}),
    "resource of deprovision": (Prefix.RESOURCE, {"operation": "deprovision", "confirm": "orders"}),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_strangers_thing_in_a_body_answers_exactly_like_a_missing_one(world: World, case: str) -> None:
    (prefix, body), field = BODIES[case], case.partition(" ")[0]
    there = {
        "project": show(Prefix.PROJECT, world.people.checkout.pk),
        "environment": world.ids["environment_id"],
        "resource": world.ids["resource_id"],
    }[field]
    client = world.client(Who.STRANGER, SUBMIT)
    client.get("/api/v1/teams")
    answers = []
    for named in (there, missing(prefix)):
        with undone():
            before = versions()
            with CaptureQueriesContext(connection) as queries:
                answer: Any = client.post("/api/v1/requests", {**body, field: named}, content_type="application/json")
            assert versions() == before
        answers.append((told(answer, named), count(queries)))
    assert answers[0] == answers[1]
    assert answers[0][0][0] in {404, 422}


@pytest.fixture(scope="module")
def rivals(world: World) -> list[Person]:
    """A member of the other team in each role."""
    made = []
    for role in Role:
        rival = person(f"rival-{role.value}")
        role_grant(user=rival.user, role=role, on=world.people.rivals, caller=TESTS)
        made.append(rival)
    return made


def asked(world: World, route: Route) -> list[dict[str, str]]:
    """Return queries that would find things of A, were they to be seen."""
    request = ProvisioningRequest.objects.filter(project=world.people.checkout).earliest("pk")
    values = {
        "project": ["checkout", show(Prefix.PROJECT, world.people.checkout.pk)],
        "team": ["shop", show(Prefix.TEAM, world.people.shop.pk)],
        "environment": ["staging", world.ids["environment_id"]],
        "name": ["orders", "staging"],
        "object": [*(world.ids[kind] for kind in OWNED if kind != "project")],
        "correlation_id": [request.correlation_id],
        "action": ["request.submitted"],
    }
    found = [{name: value} for name in LISTS[route.path] for value in values.get(name, ())]
    return [{}, *found]


@pytest.mark.parametrize("route", LISTED, ids=label)
def test_no_list_shows_anything_of_another_team(world: World, rivals: list[Person], route: Route) -> None:
    page: Any = world.client(Who.ADMIN, route).get(route.path.format(**world.ids), {"limit": "1"})
    following = page.json().get("next")
    cursors = [{"cursor": following.partition("cursor=")[2]}] if following else []
    for rival, query in itertools.product(rivals, [*asked(world, route), *cursors]):
        for project in ("spy", "checkout") if "{project}" in route.path else ("",):
            answer = rival.client.get(route.path.format(project=project), query)
            shown = answer.content.decode().partition('"instance"')[0]
            assert answer.status_code in {200, 400, 403, 404}, (rival.user, query, answer.status_code)
            assert not [mark for mark in world.marks if mark in shown and mark not in query.values()], (query, shown)
            if answer.status_code == 200 and {"project", "object", "correlation_id"} & query.keys():
                assert answer.json()["results"] == []


@pytest.mark.parametrize(("route", "name"), [each for each in DETAILS if each[0].method == "GET"], ids=label)
def test_no_thing_of_another_team_is_shown_in_any_role(
    world: World, rivals: list[Person], route: Route, name: str
) -> None:
    for rival in rivals:
        answer = rival.client.get(route.path.format(**world.ids), headers={"Last-Event-ID": "0"})
        assert answer.status_code == 404, rival.user


def test_members_of_the_other_team_see_their_own(world: World, rivals: list[Person]) -> None:
    for rival in rivals:
        for noun in ("requests", "resources", "runs", "projects", "teams"):
            assert len(rival.client.get(f"/api/v1/{noun}").json()["results"]) == 1, (rival.user, noun)
        for noun, kind in (("requests", "request_id"), ("resources", "resource_id"), ("runs", "run_id")):
            assert rival.client.get(f"/api/v1/{noun}/{world.theirs[kind]}").status_code == 200
