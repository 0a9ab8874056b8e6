"""Lists: newest first, page by page, narrowed, found by any id, and as cheap with many rows as with few."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.manifest.composing import composed_read
from catalog.manifest.reading import candidate_read
from catalog.models.connections import ConnectionKind, Tier
from catalog.models.offerings import Availability, VersionStatus
from catalog.services.composing import composed_publish
from catalog.services.connections import connection_ensure
from catalog.services.publishing import version_publish
from governance.models import EntryMove, PolicyOutcome
from governance.services.quota_limits import quotas_ensure
from platform_api.audit.models import Outcome
from platform_api.core import clock
from platform_api.core.admin.cells import TONES
from platform_api.core.ids import Prefix, lowest_id, new_id, show
from platform_api.tenancy.models import Team
from platform_api.tenancy.services.teams import project_create, team_create
from provisioning.models import Component, ComponentNeed, Environment, ProvisioningRequest, Resource, Run
from provisioning.selectors.quotas import project_facts
from provisioning.states import Desired, EnvironmentStatus, RequestStatus, ResourceStatus, RunStatus
from tests.compositions import PAIR, composed_write
from tests.factories import Orders
from tests.integration.admin.site import MODELS, Story, list_of, page_of, text_of
from tests.modules import module_write
from tests.people import TESTS, People, person
from tests.trust import service, trust_rule

pytestmark = pytest.mark.django_db


def names(answer: Any) -> list[str]:
    """Return what the rows of a list are called, in their order."""
    return [str(row.cells[0].value) for row in answer.context["cl"].rows]


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def teams(count: int) -> None:
    for number in range(count):
        team_create(slug=f"team-{number:03}", name="Team", caller=TESTS)


def test_a_list_goes_on_by_key_back_and_forth(auditor: Client) -> None:
    teams(120)
    first = auditor.get(list_of("Teams"))
    assert names(first) == [f"team-{number:03}" for number in range(119, 69, -1)]
    assert first.context["cl"].newer_url == ""
    second = auditor.get(list_of("Teams") + first.context["cl"].older_url)
    last = auditor.get(list_of("Teams") + second.context["cl"].older_url)
    assert names(last) == [f"team-{number:03}" for number in range(19, -1, -1)]
    assert last.context["cl"].older_url == ""
    back = auditor.get(list_of("Teams") + last.context["cl"].newer_url)
    assert names(back) == names(second)
    again = auditor.get(list_of("Teams") + back.context["cl"].newer_url)
    assert names(again) == names(first)
    assert again.context["cl"].newer_url == ""


def test_a_page_keeps_its_filters(auditor: Client) -> None:
    teams(60)
    page = auditor.get(f"{list_of('Teams')}?q=team-0&since=2020-01-01")
    assert "q=team-0" in page.context["cl"].older_url
    assert "since=2020-01-01" in page.context["cl"].older_url


def test_a_list_that_begins_at_no_id_is_refused(auditor: Client) -> None:
    assert auditor.get(f"{list_of('Teams')}?after=nonsense").status_code == 404
    assert auditor.get(f"{list_of('Teams')}?before={show(Prefix.RUN, new_id())}").status_code == 404


def test_lists_are_never_counted(auditor: Client, story: Story) -> None:
    for _model, admin in MODELS:
        with CaptureQueriesContext(connection) as captured:
            auditor.get(list_of(admin.plural))
        assert not [query["sql"] for query in captured if "COUNT(" in query["sql"]], admin.plural


def test_a_list_of_many_rows_costs_no_more_queries_than_one_of_few(
    auditor: Client, orders: Orders, tmp_path: Path
) -> None:
    assert orders.version.version == "1.0.0"
    pair = composed_read(composed_write(tmp_path, slug="pair", manifest=PAIR))
    composed = composed_publish(candidate=pair, caller=TESTS).version

    def more(count: int) -> None:
        for number in range(count):
            slug = f"more-{count}-{number}"
            team = team_create(slug=slug, name="More", caller=TESTS)
            project = project_create(team=team, slug=slug, name="More", caller=TESTS)
            person(slug)
            trust_rule(user=service(f"{slug}-builds"), project=project)
            connection_ensure(
                slug=slug,
                kind=ConnectionKind.AWS,
                tiers=[Tier.STAGING],
                endpoint={"host": "aws", "port": 443},
                credentials={},
                teams=[team],
                caller=TESTS,
            )
            version_publish(candidate=candidate_read(module_write(tmp_path, slug=slug)), caller=TESTS)
            quotas_ensure(facts=project_facts(project), kinds=["points"])
            Environment.objects.create(project=project, name="preview", tier=Tier.STAGING, offering_version=composed)
            orders.provision()

    def look(plural: str) -> tuple[int, int]:
        """Return how many queries a list costs, and how many rows it has."""
        auditor.get(list_of(plural))
        cost = queries(auditor, list_of(plural))
        return cost, len(names(auditor.get(list_of(plural))))

    more(3)
    before = {admin.plural: look(admin.plural) for _model, admin in MODELS}
    more(30)
    for plural, (few, few_rows) in before.items():
        many, many_rows = look(plural)
        assert many_rows >= min(few_rows + 30, 50), plural
        assert few_rows < many_rows, plural
        assert many == few, plural
    assert few <= 12


@pytest.mark.parametrize(
    ("plural", "prefix", "key"),
    [
        ("Requests", Prefix.PROVISIONING_REQUEST, lambda run: run.provisioning_request_id),
        ("Runs", Prefix.RUN, lambda run: run.pk),
        ("Resources", Prefix.RESOURCE, lambda run: run.resource_id),
        ("Environments", Prefix.ENVIRONMENT, lambda run: run.resource.environment_id),
    ],
)
def test_a_page_with_many_things_costs_no_more_queries_than_one_with_few(
    auditor: Client, orders: Orders, plural: str, prefix: Prefix, key: Callable[[Run], UUID]
) -> None:
    def page_after(rows: int) -> int:
        needed = run
        for _ in range(rows):
            orders.deprovision_ask(run.resource)
            made = orders.provision()
            component_of(made)
            ComponentNeed.objects.create(component_id=made.resource_id, needed_id=needed.resource_id, takes={"a": "b"})
            needed = made
        return queries(auditor, page_of(plural, prefix, key(run)))

    def component_of(made: Run) -> None:
        resource = made.resource
        Component.objects.create(resource=resource, environment=resource.environment, name=resource.name)

    run = orders.provision()
    component_of(run)
    auditor.get(list_of(plural))
    few = page_after(3)
    assert page_after(30) == few
    assert few <= 16


def test_any_id_leads_to_its_thing_from_every_list_and_from_the_top(auditor: Client, story: Story) -> None:
    for model, admin in MODELS:
        thing = model._default_manager.first()
        assert thing is not None
        shown = show(admin.prefix, thing.pk)
        assert auditor.get(f"/admin/id/{shown}/").headers["Location"] == page_of(admin.plural, admin.prefix, thing.pk)
        assert auditor.get(f"/admin/find/?q={shown}").headers["Location"] == f"/admin/id/{shown}/"
        for _model, other in MODELS:
            answer = auditor.get(f"{list_of(other.plural)}?q=%20{shown}%20", follow=True)
            assert answer.status_code == 200
            assert answer.context["shown_id"] == shown, other.plural


def test_what_is_no_id_is_searched_in_the_requests(auditor: Client, story: Story) -> None:
    assert auditor.get("/admin/find/?q=SHOP-142").headers["Location"] == f"{list_of('Requests')}?q=SHOP-142"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ord", 2),
        ("q=SHOP-142", 1),
        ("q=elsewhere", 0),
        ("team=shop", 2),
        ("team=rivals", 0),
        ("team=nobody", 0),
        ("project=checkout", 2),
        ("offering=widget", 2),
        ("offering=nothing", 0),
        ("status=completed", 1),
        ("status=failed", 1),
        ("status=nonsense", 0),
        ("operation=update", 1),
        ("actor=owner", 2),
        ("actor=auditor", 0),
        ("actor=nobody", 0),
        ("since=2020-01-01", 2),
        ("since=2120-01-01", 0),
        ("until=2020-01-01", 0),
        ("since=nonsense", 0),
        ("since=0001-01-01", 0),
        ("until=9999-12-31", 0),
        ("resource=nonsense", 0),
        ("team=shop&offering=widget&status=completed&operation=&actor=owner&q=orders", 1),
    ],
)
def test_requests_are_narrowed(auditor: Client, people: People, story: Story, query: str, found: int) -> None:
    assert people.rivals.slug == "rivals"
    answer = auditor.get(f"{list_of('Requests')}?{query}")
    assert answer.status_code == 200
    assert len(names(answer)) == found


@pytest.mark.parametrize(
    ("plural", "query", "found"),
    [
        ("Runs", "status=applied", ["provision orders"]),
        ("Runs", "status=errored&team=shop&actor=owner", ["update orders"]),
        ("Runs", "offering=nothing", []),
        ("Resources", "status=degraded&kind=queue&actor=owner", ["orders"]),
        ("Resources", "q=orders", ["orders"]),
        ("Resources", "team=nobody", []),
        ("Environments", "tier=development&team=shop", ["default"]),
        ("Environments", "tier=production", []),
        ("Offering versions", "offering=widget", ["widget 1.0.0"]),
        ("Tokens", "owner=owner", ["tests"]),
        ("Users", "kind=service", ["builds"]),
        ("Quotas", "of=project:checkout&kind=points", ["project:checkout"]),
        ("Connections", "kind=postgres", ["main"]),
        ("Projects", "team=shop", ["checkout"]),
    ],
)
@pytest.mark.usefixtures("story", "people")
def test_lists_are_narrowed(auditor: Client, plural: str, query: str, found: list[str]) -> None:
    assert names(auditor.get(f"{list_of(plural)}?{query}")) == found


def test_events_are_narrowed_by_whatever_an_auditor_asks(auditor: Client, story: Story) -> None:
    def found(query: str) -> set[str]:
        answer = auditor.get(f"{list_of('Audit events')}?{query}")
        assert answer.status_code == 200
        return {str(row.cells[1].value) for row in answer.context["cl"].rows}

    assert found(f"object={show(Prefix.RESOURCE, story.resource.pk)}") == {"resource.ready", "resource.degraded"}
    assert found("actor=worker&action=run.applied") == {"run.applied"}
    assert found("outcome=failed") == {"run.errored", "request.failed", "resource.degraded"}
    assert "team.created" in found("team=shop&kind=team")
    assert found("actor=owner") == set()
    assert "run.planning" in found(f"q={story.made.correlation_id}")
    assert "token.issued" not in found(f"q={story.made.correlation_id}")
    assert found("project=nowhere") == set()


def test_a_day_bounds_a_list_by_the_ids(auditor: Client) -> None:
    for day in (9, 10, 11):
        at = datetime(2026, 10, day, 12, tzinfo=UTC)
        Team.objects.create(id=UUID(int=lowest_id(at).int + (7 << 76) + (2 << 62)), slug=f"day-{day}", name="x")
    assert names(auditor.get(f"{list_of('Teams')}?since=2026-10-10&until=2026-10-10")) == ["day-10"]
    assert names(auditor.get(f"{list_of('Teams')}?until=2026-10-10")) == ["day-10", "day-9"]


def test_the_lowest_id_of_a_moment_stands_between_those_made_before_and_after() -> None:
    before, moment = new_id(), clock.now() + timedelta(milliseconds=2)
    assert before < lowest_id(moment)
    assert lowest_id(moment - timedelta(seconds=1)) < before


def test_what_is_wrong_with_a_filter_is_told_beside_it(auditor: Client) -> None:
    told = text_of(auditor.get(f"{list_of('Requests')}?since=nonsense&team=nobody&resource=x&actor=ghost"))
    for part in (
        "A day looks like 2026-11-21.",
        "There is no team nobody.",
        "This is no id;",
        "There is no user ghost.",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("plural", "query", "problem"),
    [
        ("Projects", "team=nobody", "There is no team nobody."),
        ("Audit events", "team=nobody", "There is no team nobody."),
        ("Offering versions", "offering=gadget", "There is no offering gadget."),
        ("Runs", "offering=gadget", "There is no offering gadget."),
        ("Runs", "actor=ghost", "There is no user ghost."),
        ("Resources", "project=nowhere", "There is no project nowhere."),
        ("Environments", "actor=ghost", "There is no user ghost."),
        ("Tokens", "owner=ghost", "There is no user ghost."),
        ("Quotas", "of=project:nowhere", "There is no quota of project:nowhere."),
    ],
)
@pytest.mark.usefixtures("story")
def test_a_name_that_nothing_has_is_told_beside_the_filter(
    auditor: Client, plural: str, query: str, problem: str
) -> None:
    answer = auditor.get(f"{list_of(plural)}?{query}")
    assert problem in text_of(answer)
    assert names(answer) == []


def test_a_column_of_times_is_called_after_what_happened_then(auditor: Client) -> None:
    labels = auditor.get(list_of("Runs")).context["cl"].labels
    assert labels == ["Run", "Status", "Offering", "Where", "Attempt", "Created", "Finished"]


def test_suggestions_are_bounded(auditor: Client) -> None:
    teams(230)
    assert auditor.get(list_of("Requests")).content.count(b'<option value="team-') == 200


def test_every_status_has_a_color_and_every_color_a_status() -> None:
    of_tokens, of_credentials = {"in_force", "expired", "revoked"}, {"pending", "tried", "current", "replaced"}
    of_steps, of_users_and_connections = {"running", "done", "failed"}, {"active", "inactive"}
    shown = of_tokens | of_credentials | of_steps | of_users_and_connections
    for enumeration in (
        *(RunStatus, RequestStatus, ResourceStatus, EnvironmentStatus, Desired),
        *(VersionStatus, Availability, Outcome, PolicyOutcome, EntryMove),
    ):
        shown |= set(enumeration.values)
    assert TONES.keys() == shown


def test_a_row_leads_to_its_page(auditor: Client, story: Story) -> None:
    row = next(iter(auditor.get(list_of("Resources")).context["cl"].rows))
    assert row.url == page_of("Resources", Prefix.RESOURCE, story.resource.pk)
    assert Resource.objects.filter(pk=story.resource.pk).exists()
    assert ProvisioningRequest.objects.count() == 2
