import jsonschema_rs
import pytest
from pytest_django import DjangoAssertNumQueries

from catalog.models import Offering
from catalog.models.connections import ConnectionKind, Tier
from catalog.services.connections import connection_ensure
from catalog.services.retirement import plan_retire, version_deprecate
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.tokens import TokenKind
from platform_api.tenancy.services.tokens import token_issue
from tests.integration.catalog.conftest import Publish
from tests.modules import MANIFEST
from tests.people import TESTS, People, Person

pytestmark = pytest.mark.django_db

NEXT = MANIFEST.replace("version: 1.0.0", "version: 1.1.0").replace("title: Widget", "title: Better widget")


def slugs(person: Person, query: str = "") -> list[str]:
    return [row["slug"] for row in person.client.get(f"/api/v1/offerings{query}").json()["results"]]


def test_an_offering_is_shown_by_its_newest_version(people: People, publish: Publish) -> None:
    first = publish()
    version_deprecate(version=first, caller=TESTS)
    second = publish(manifest=NEXT)
    body = people.stranger.client.get("/api/v1/offerings/widget").json()
    schema, versions, plans = body.pop("parameters_schema"), body.pop("versions"), body.pop("plans")
    assert body == {
        "id": body["id"],
        "slug": "widget",
        "title": "Better widget",
        "kind": "queue",
        "description": "Something to order.",
        "status": "active",
        "owner": {"team": "platform", "contact": "platform@example.com"},
        "support": {
            "level": "standard",
            "hours": "Monday to Friday, 08:00 to 18:00 UTC",
            "objective": {"availability_percent": "99.5", "first_response_hours": 4},
        },
        "links": {"docs": "docs/widget.md", "runbook": "docs/runbook.md", "source": "terraform_modules/widget"},
        "tags": ["small", "round"],
        "version": "1.1.0",
        "outputs": [
            {"name": "host", "description": "Host.", "sensitive": False},
            {"name": "username", "description": "User.", "sensitive": False},
            {"name": "hint", "description": "A secret.", "sensitive": True},
        ],
        "composition": None,
        "components": None,
    }
    assert [(row["version"], row["status"], row["sunset_at"]) for row in versions] == [
        ("1.1.0", "published", None),
        ("1.0.0", "deprecated", None),
    ]
    assert versions[0]["digest"] == f"sha256:{second.digest}"
    assert plans[0] == {
        "slug": "small",
        "title": "Small",
        "description": "For a few.",
        "status": "active",
        "cost": {"monthly": {"amount": "9.00", "currency": "EUR"}},
        "points": 1,
        "parameters": {"size": 3},
        "limits": {"size": {"maximum": 10}},
    }
    assert jsonschema_rs.meta.is_valid(schema)
    assert list(schema["properties"]) == ["size", "color"]
    assert schema["additionalProperties"] is False


def test_an_offering_is_found_by_its_id_too(people: People, publish: Publish) -> None:
    publish()
    client = people.viewer.client
    shown = client.get("/api/v1/offerings/widget").json()
    assert client.get(f"/api/v1/offerings/{shown['id']}").json() == shown


@pytest.mark.parametrize("name", ["nothing", "off_00000000000000000000000000", "prj_01jd0000000000000000000000"])
def test_what_is_not_there_is_not_found(people: People, name: str) -> None:
    answer = people.owner.client.get(f"/api/v1/offerings/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_list_is_filtered_by_kind_and_tag(people: People, publish: Publish) -> None:
    publish()
    publish(slug="crate", manifest=MANIFEST.replace("kind: queue", "kind: cache").replace("[small, round]", "[large]"))
    person = people.owner
    assert slugs(person) == ["crate", "widget"]
    assert slugs(person, "?kind=cache") == ["crate"]
    assert slugs(person, "?tag=round") == ["widget"]
    assert slugs(person, "?kind=cache&tag=round") == []


@pytest.mark.parametrize("query", ["kind=what", "kind=", "colour=red", "tags=round", "tag=Round", "tag="])
def test_a_filter_that_is_not_known_is_refused(people: People, query: str) -> None:
    answer = people.owner.client.get(f"/api/v1/offerings?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_filter")
    assert answer.json()["remedy"]


def test_a_retired_offering_leaves_the_list_but_can_still_be_read(people: People, publish: Publish) -> None:
    publish()
    Offering.objects.update(status="retired")
    assert slugs(people.owner) == []
    assert slugs(people.auditor) == ["widget"]
    assert people.owner.client.get("/api/v1/offerings/widget").json()["status"] == "retired"


def test_a_retired_plan_says_so(people: People, publish: Publish) -> None:
    plan_retire(plan=publish().plans.get(slug="red"), caller=TESTS)
    plans = people.owner.client.get("/api/v1/offerings/widget").json()["plans"]
    assert [(plan["slug"], plan["status"]) for plan in plans] == [("small", "active"), ("red", "retired")]


def test_the_catalog_needs_its_scope(people: People, publish: Publish) -> None:
    publish()
    issued = token_issue(user=people.owner.user, name="x", kind=TokenKind.CI, caller=TESTS, scopes={Scope.TENANCY_READ})
    for address in ("/api/v1/offerings", "/api/v1/offerings/widget"):
        answer = Person(people.owner.user, issued.secret).client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_queries_do_not_grow_with_the_catalog(
    people: People, publish: Publish, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = people.owner.client
    for slug in ("widget", "gadget", "crate"):
        publish(slug=slug)
        publish(slug=slug, manifest=NEXT)
    client.get("/api/v1/offerings")
    with django_assert_num_queries(4):  # the token; offerings, versions, plans
        assert len(client.get("/api/v1/offerings").json()["results"]) == 3
    with django_assert_num_queries(4):
        client.get("/api/v1/offerings/widget")


def test_no_answer_shows_a_connection_or_a_packed_module(people: People, publish: Publish) -> None:
    publish()
    connection_ensure(
        slug="main",
        kind=ConnectionKind.POSTGRES,
        tiers=list(Tier),
        endpoint={"host": "db.example.com", "port": 1},
        credentials={"url": "postgresql://admin:hunter2@db.example.com"},
        caller=TESTS,
    )
    for address in ("/api/v1/offerings", "/api/v1/offerings/widget"):
        text = people.admin.client.get(address).content.decode()
        assert "hunter2" not in text
        assert "db.example.com" not in text
        assert "terraform_data" not in text
