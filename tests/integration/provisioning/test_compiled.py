"""What is translated once gives what Django gives, down to what is loaded and what is not."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import Model, QuerySet
from django.test.utils import CaptureQueriesContext

from platform_api.core import row_scope
from platform_api.core.callers import Caller
from platform_api.core.compiled import Among, Compiled, compiled, uuid_slot
from platform_api.core.ids import Prefix, UnknownIdError, show
from platform_api.tenancy.models import Project
from platform_api.tenancy.selectors.sight import Sight, seen_by
from provisioning.models import Resource
from provisioning.selectors.resources import (
    request_get,
    requests_seen,
    resource_get,
    resource_shown,
    resources_seen,
    resources_shown,
    run_get,
    runs_seen,
)
from tests.integration.provisioning.house import House


def told(row: Any) -> dict[str, Any]:
    """All that a row carries, and what it carries of others, by name."""
    if not isinstance(row, Model):
        return {"": row}
    found = {name: value for name, value in vars(row).items() if name != "_state"}
    found["_state"] = (row._state.adding, row._state.db)
    return found | {name: told(other) for name, other in row._state.fields_cache.items()}


def read(caller: Caller, resource: Resource) -> list[tuple[Any, QuerySet[Any]]]:
    """A resource, its request and its run, each beside where Django finds it."""
    sight = Sight.of(caller)
    request, run = resource.provisioning_requests.get(), resource.runs.get()
    return [
        (resource_get(caller=caller, resource=show(Prefix.RESOURCE, resource.pk)), resources_seen(sight)),
        (resource_shown(caller=caller, resource=show(Prefix.RESOURCE, resource.pk)), resources_shown(sight)),
        (request_get(caller=caller, request=show(Prefix.PROVISIONING_REQUEST, request.pk)), requests_seen(sight)),
        (run_get(caller=caller, run=show(Prefix.RUN, run.pk)), runs_seen(sight)),
    ]


@pytest.mark.parametrize("name", ["owner", "auditor"])
def test_a_compiled_row_is_the_one_that_django_reads(house: House, name: str) -> None:
    house.ordered(name="waits-for-its-run")
    caller = getattr(house.people, name).caller
    for resource in Resource.objects.filter(project=house.people.checkout):
        for row, rows in read(caller, resource):
            assert told(row) == told(rows.get(pk=row.pk))
            assert {"id", "status", "_state"} < told(row).keys()


def test_a_query_that_carries_its_scope_finds_the_same_rows_in_the_same_order(house: House) -> None:
    for name in ("first", "second", "third"):
        house.ordered(name=name)
    caller, sight = house.owner.caller, Sight.of(house.owner.caller)
    listed = Compiled(lambda: resources_shown(Sight.slotted(is_overseer=False)).order_by("-name"))
    expected = [told(row) for row in resources_shown(sight).order_by("-name")]
    assert len(expected) > 3
    with row_scope.bound(caller.row_scope), CaptureQueriesContext(connection) as sent:
        assert [told(row) for row in listed.run(**seen_by(caller))] == expected
    assert len(sent) == 1
    with row_scope.bound(row_scope.NOTHING):
        assert listed.run(**seen_by(caller)) == []


def test_what_is_not_the_callers_to_see_is_not_found(house: House) -> None:
    assert resource_get(caller=house.owner.caller, resource=house.orders).name == "orders"
    with pytest.raises(UnknownIdError):
        resource_get(caller=house.owner.caller, resource=house.spied)


def test_it_is_translated_once_and_counted_each_time(house: House) -> None:
    built = 0

    def build() -> QuerySet[Project]:
        nonlocal built
        built += 1
        return Project.objects.filter(pk=uuid_slot("project"))

    query = Compiled(build)
    with CaptureQueriesContext(connection) as queries:
        found = [query.first(project=project.pk) for project in (house.people.checkout, house.people.checkout)]
    assert found == [house.people.checkout] * 2
    assert len(queries) == 2
    assert built == 1


def test_each_set_of_arguments_has_its_own_text(house: House) -> None:
    @compiled
    def named(*, column: str) -> QuerySet[Resource]:
        return Resource.objects.filter(**{column: "orders"}).order_by("pk")

    assert named(column="name") is named(column="name")
    assert [row.name for row in named(column="name").run()] == ["orders"]
    assert named(column="kind").run() == []


def test_among_compares_with_any_number_of_ids(house: House) -> None:
    every = [row.pk for row in Resource.objects.all()]
    assert len(every) == 2
    assert {row.pk for row in Resource.objects.filter(Among("pk", every))} == set(every)
    assert list(Resource.objects.filter(Among("pk", []))) == []
