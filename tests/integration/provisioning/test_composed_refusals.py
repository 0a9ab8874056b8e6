"""What is refused of a composed environment is told as a whole, and nothing of it is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from governance.models import Quota
from platform_api.audit.models import AuditEvent
from tests.compositions import COMPOSED
from tests.integration.provisioning import trio
from tests.integration.provisioning.house import House, body_of
from tests.integration.provisioning.problems import refused, without_id
from tests.integration.provisioning.trio import put
from tests.policies import PolicyHelper

WEEK = 7 * 86400
LARGE = (
    COMPOSED.replace("slug: trio", "slug: grand")
    .replace("plan: medium", "plan: large")
    .replace("maximum_seconds: 86400", f"maximum_seconds: {4 * WEEK}")
)
LIVE = COMPOSED.replace("slug: trio", "slug: standing").replace("tier: development", "tier: production")
LIVE = LIVE.replace("expiry: {default_seconds: 3600, maximum_seconds: 86400}", "expiry: null")


@pytest.fixture(scope="module")
def house(standing_house: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """One house for all: each of these tests proves that it changed nothing."""
    scratch = tmp_path_factory.mktemp("compositions")
    trio.publish(scratch)
    trio.publish(scratch, slug="grand", manifest=LARGE)
    trio.publish(scratch, slug="standing", manifest=LIVE)
    return standing_house


def leave(points: int, kind: str = "points", scope: str = "project:checkout") -> None:
    held = Quota.objects.get(scope_name=scope, kind=kind)
    Quota.objects.filter(pk=held.pk).update(limit=held.held + points)


@pytest.fixture
def limits(house: House) -> Iterator[None]:
    """Put the limits back that a test has changed."""
    before = dict(Quota.objects.values_list("pk", "limit"))
    yield
    for pk, limit in before.items():
        Quota.objects.filter(pk=pk).update(limit=limit)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"offering": "nothing"}, [("#/offering", "unknown_offering")]),
        ({"version": "9.9.9"}, [("#/version", "version_unknown")]),
        ({"offering": "postgres-database"}, [("#/offering", "offering_not_composed")]),
        ({"ttl_seconds": 0}, [("#/ttl_seconds", "out_of_range")]),
        ({"ttl_seconds": 86401}, [("#/ttl_seconds", "out_of_range")]),
        ({"ttl_seconds": "long"}, [("#/ttl_seconds", "type_mismatch")]),
        ({"tier": "production"}, [("#/tier", "unknown_field")]),
        ({"expires_at": "2199-01-01T00:00:00Z"}, [("#/expires_at", "unknown_field")]),
        ({"color": "red"}, [("#/color", "unknown_field")]),
        ({"parameters": {"color": "red"}}, [("#/parameters/color", "unknown_field")]),
        ({"parameters": {"connections": "many"}}, [("#/parameters/connections", "type_mismatch")]),
        ({"source": {str(number): number for number in range(21)}}, [("#/source", "too_long")]),
        ({"offering": None, "ttl_seconds": 60}, [("#/ttl_seconds", "unknown_field")]),
        (
            {"ttl_seconds": 86401, "parameters": {"connections": "many", "size": 1}},
            [
                ("#/parameters/connections", "type_mismatch"),
                ("#/parameters/size", "unknown_field"),
                ("#/ttl_seconds", "out_of_range"),
            ],
        ),
    ],
    ids=str,
)
def test_what_the_form_refuses_is_told_with_its_place(
    house: House, body: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    assert sorted(refused(lambda: put(house, **body), 422, "request_refused")) == told


def test_a_parameter_that_several_components_refuse_is_pointed_to_where_the_caller_gave_it(house: House) -> None:
    found = refused(lambda: put(house, parameters={"connections": 1000}), 422, "request_refused")
    assert set(found) == {("#/parameters/connections", "out_of_range")}
    errors = body_of(put(house, parameters={"connections": 1000}))["errors"]
    assert {each["detail"].partition(":")[0] for each in errors} == {"For component db", "For component reports"}


def test_policies_judge_each_component_and_all_is_told_with_the_quota(house: House, limits: None) -> None:
    leave(3)
    found = refused(lambda: put(house, offering="grand", ttl_seconds=3 * WEEK), 422, "request_refused")
    assert sorted(found) == [
        ("#", "policy_denied"),
        ("#", "quota_exceeded"),
        ("#/components/archive/plan", "policy_denied"),
        ("#/components/reports/plan", "policy_denied"),
    ]
    denial = AuditEvent.objects.filter(outcome="refused").order_by("-id").first()
    assert denial is not None
    assert (denial.code, denial.project_id) == ("request_refused", house.people.checkout.pk)


def test_the_quota_is_judged_for_the_sum_and_not_one_by_one(house: House, limits: None) -> None:
    leave(trio.TOGETHER[0] - 1)
    assert refused(lambda: put(house), 422, "request_refused") == [("#", "quota_exceeded")]
    (finding,) = body_of(put(house))["errors"]
    assert (finding["requested"], finding["scope"], finding["kind"]) == (
        trio.TOGETHER[0], "project:checkout", "points",
    )  # fmt: skip


def test_every_quota_that_has_too_little_left_is_told(house: House, limits: None) -> None:
    leave(0)
    leave(2, "count:database")
    leave(6, scope="team:shop")
    put(house)
    errors = body_of(put(house))["errors"]
    assert {(each["scope"], each["kind"]) for each in errors} == {
        ("project:checkout", "points"), ("project:checkout", "count:database"), ("team:shop", "points"),
    }  # fmt: skip
    refused(lambda: put(house), 422, "request_refused")


def test_in_production_an_admin_orders_and_says_why(house: House) -> None:
    refused(lambda: put(house, offering="standing"), 403, "role_missing")
    lead = house.people.lead
    found = refused(lambda: put(house, offering="standing", by=lead, reason=""), 422, "request_refused")
    assert set(found) == {("#/reason", "policy_denied"), ("#/ticket", "policy_denied")}


def test_one_that_stays_takes_no_time_to_live(house: House) -> None:
    lead = house.people.lead
    told = refused(lambda: put(house, offering="standing", ttl_seconds=60, by=lead), 422, "request_refused")
    assert told == [("#/ttl_seconds", "unknown_field")]


def test_who_may_not_order_is_refused_and_a_stranger_finds_nothing(house: House) -> None:
    refused(lambda: put(house, by=house.people.viewer), 403, "role_missing")
    there = put(house, by=house.people.stranger)
    missing = put(house, "/api/v1/projects/nothing/environments/pr-142", by=house.people.stranger)
    assert (there.status_code, without_id(there)) == (404, without_id(missing))


@pytest.mark.parametrize(("name", "code"), [("default", "name_reserved"), ("Pr-142", "pattern_mismatch")])
def test_names_that_it_cannot_have_are_refused(house: House, name: str, code: str) -> None:
    address = f"/api/v1/projects/checkout/environments/{name}"
    assert refused(lambda: put(house, address), 422, "request_refused") == [("#", code)]


def test_a_composed_offering_is_not_ordered_as_one_resource(house: House) -> None:
    answer = house.order(offering="trio", parameters={})
    (finding,) = body_of(answer)["errors"]
    assert (answer.status_code, finding["pointer"], finding["code"]) == (422, "#/offering", "offering_composed")
    assert "PUT /api/v1/projects/{project}/environments/{name}" in finding["remedy"]


RULE = """
package provision.request.parts
import rego.v1
deny contains {"code": "part", "msg": sprintf("%s of %s.", [input.name, input.environment.offering]),
    "path": ["name"], "remedy": "Order something else."} if input.environment.offering == "trio"
"""
SET = """
id: parts
version: 1
policies:
  - id: parts
    title: Parts
    stage: request
    enforcement_level: hard-mandatory
    query: data.provision.request.parts.deny
"""


def test_a_policy_sees_what_a_component_is_part_of(house: House, tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "policies" / "request").mkdir(parents=True)
    (tmp_path / "policies" / "policy-set.yaml").write_text(SET)
    (tmp_path / "policies" / "request" / "parts.rego").write_text(RULE)
    helper = PolicyHelper(tmp_path, tmp_path / "policies").start()
    settings.POLICY_SOCKET = helper.socket
    try:
        errors = body_of(put(house))["errors"]
    finally:
        helper.stop()
    assert {(each["pointer"], each["detail"]) for each in errors} == {
        (f"#/components/{name}/name", f"{name} of trio.") for name in trio.NAMES
    }
