"""Every other route with bad bodies, bad ids and bad filters."""

import re
from typing import Any

import pytest
from django.http import HttpResponse

from platform_api.core.ids import Prefix, show
from platform_api.tenancy.models.access import Route
from provisioning.models import Run
from tests.integration.provisioning.house import House, body_of, resource_of
from tests.integration.provisioning.problems import refused, without_id
from tests.integration.provisioning.routes import KINDS, LISTS, NAMING, label
from tests.integration.provisioning.test_bad_orders import HOSTILE

CHANGES: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "update without resource": ({"operation": "update"}, {("#/resource", "field_missing")}),
    "deprovision without resource": ({"operation": "deprovision", "confirm": "x"}, {("#/resource", "field_missing")}),
    "update with a name": (
        {"operation": "update", "resource": "orders", "name": "other"}, {("#/name", "unknown_field")}
    ),
    "update with what is ordered": (
        {"operation": "update", "resource": "", "offering": "x", "project": "x", "environment": "x", "confirm": "x"},
        {(f"#/{name}", "unknown_field") for name in ("offering", "project", "environment", "confirm")},
    ),
    "update to an unknown plan": (
        {"operation": "update", "resource": "orders", "plan": "huge"}, {("#/plan", "unknown_plan")}
    ),
    "update to an unknown version": (
        {"operation": "update", "resource": "orders", "version": "7.0.0"}, {("#/version", "version_unknown")}
    ),
    "update with an unknown parameter": (
        {"operation": "update", "resource": "orders", "parameters": {"size": 1}},
        {("#/parameters/size", "unknown_field")},
    ),
    "update above the plan": (
        {"operation": "update", "resource": "orders", "parameters": {"connection_limit": 99}},
        {("#/parameters/connection_limit", "out_of_range")},
    ),
    "rotate without resource": ({"operation": "rotate"}, {("#/resource", "field_missing")}),
    "rotate with what is changed": (
        {"operation": "rotate", "resource": "orders", "plan": "small", "version": "1.0.0", "parameters": {}},
        {("#/plan", "unknown_field"), ("#/version", "unknown_field"), ("#/parameters", "unknown_field")},
    ),
    "rotate with what is ordered": (
        {"operation": "rotate", "resource": "", "offering": "x", "project": "x", "environment": "x", "name": "xx"},
        {(f"#/{name}", "unknown_field") for name in ("offering", "project", "environment", "name")},
    ),
    "rotate confirmed": (
        {"operation": "rotate", "resource": "orders", "confirm": "orders"}, {("#/confirm", "unknown_field")}
    ),
    "deprovision unconfirmed": ({"operation": "deprovision", "resource": "orders"}, {("#/confirm", "not_confirmed")}),
    "deprovision confirmed wrongly": (
        {"operation": "deprovision", "resource": "orders", "confirm": "order"}, {("#/confirm", "not_confirmed")}
    ),
    "deprovision confirmed in capitals": (
        {"operation": "deprovision", "resource": "orders", "confirm": "ORDERS"}, {("#/confirm", "not_confirmed")}
    ),
    "deprovision with what is changed": (
        {"operation": "deprovision", "resource": "orders", "confirm": "orders", "plan": "small", "version": "1.0.0"},
        {("#/plan", "unknown_field"), ("#/version", "unknown_field")},
    ),
    "deprovision with parameters": (
        {"operation": "deprovision", "resource": "orders", "confirm": "orders", "parameters": {"connection_limit": 1}},
        {("#/parameters", "unknown_field")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_bad_change_is_told_what_is_wrong(standing_house: House, case: str) -> None:
    body, expected = CHANGES[case]
    given = {**body, "resource": standing_house.orders} if "resource" in body else body
    assert set(refused(lambda: standing_house.post("requests", given), 422, "request_refused")) == expected


@pytest.mark.parametrize("operation", ["update", "rotate", "deprovision"])
@pytest.mark.parametrize("resource", ["orders", "res_", "res_zzz", "req_01jd0000000000000000000000", "RES_01JD"])
def test_a_change_of_what_is_no_resource_is_not_found(standing_house: House, operation: str, resource: str) -> None:
    extra: dict[str, Any] = {"confirm": "x"} if operation == "deprovision" else {}
    refused(lambda: standing_house.change(operation, resource, **extra), 404, "not_found")


@pytest.mark.parametrize("operation", ["update", "rotate", "deprovision"])
def test_a_change_of_what_belongs_to_others_is_not_found(standing_house: House, operation: str) -> None:
    missing = standing_house.spied[:-4] + "0000"
    extra: dict[str, Any] = {"confirm": "spied"} if operation == "deprovision" else {}
    spied = without_id(standing_house.change(operation, standing_house.spied, **extra))
    assert spied == without_id(standing_house.change(operation, missing, **extra))
    refused(lambda: standing_house.change(operation, standing_house.spied, **extra), 404, "not_found")


SHORT: dict[str, tuple[str, str, object, set[tuple[str, str]]]] = {
    "patch with an unknown field": ("PATCH", "", {"name": "x"}, {("#/name", "unknown_field")}),
    "patch with an operation": ("PATCH", "", {"operation": "deprovision"}, {("#/operation", "unknown_field")}),
    "patch with another resource": ("PATCH", "", {"resource": "x"}, {("#/resource", "unknown_field")}),
    "patch with a list": ("PATCH", "", [], {("#", "type_mismatch")}),
    "patch with parameters of another type": ("PATCH", "", {"parameters": 1}, {("#/parameters", "type_mismatch")}),
    "patch with a plan of another type": ("PATCH", "", {"plan": 1}, {("#/plan", "type_mismatch")}),
    "delete unconfirmed": ("DELETE", "", None, {("#/confirm", "not_confirmed")}),
    "delete confirmed emptily": ("DELETE", "?confirm=", None, {("#/confirm", "too_short")}),
    "delete confirmed wrongly": ("DELETE", "?confirm=Orders", None, {("#/confirm", "not_confirmed")}),
}


@pytest.mark.parametrize(
    "body",
    [
        {"reason": "x" * 2001},
        {"reason": None},
        {"ticket": ""},
        {"operation": "update"},
        {"resource": "x"},
        {"plan": "small"},
        [],
    ],
)
def test_a_bad_rotation_is_told_what_is_wrong(standing_house: House, body: object) -> None:
    address = f"resources/{standing_house.orders}/credentials/rotate"
    assert refused(lambda: standing_house.post(address, body), 422, "request_refused")


@pytest.mark.parametrize("case", SHORT)
def test_a_bad_short_form_is_told_what_is_wrong(standing_house: House, case: str) -> None:
    method, query, body, expected = SHORT[case]
    client = standing_house.owner.client
    address = f"/api/v1/resources/{standing_house.orders}{query}"
    call = getattr(client, method.lower())
    assert set(refused(lambda: call(address, body, format="json"), 422, "request_refused")) == expected


ENVIRONMENTS: dict[str, tuple[object, set[tuple[str, str]]]] = {
    "tier unknown": ({"tier": "gold"}, {("#/tier", "not_a_choice")}),
    "tier null": ({"tier": None}, {("#/tier", "not_a_choice")}),
    "expiry past": ({"expires_at": "2020-01-01T00:00:00Z"}, {("#/expires_at", "out_of_range")}),
    "expiry no time": ({"expires_at": "tomorrow"}, {("#/expires_at", "invalid_value")}),
    "expiry in no calendar": ({"expires_at": "2031-02-30T00:00:00Z"}, {("#/expires_at", "invalid_value")}),
    "expiry without a zone": ({"expires_at": "2031-01-01T00:00:00"}, {("#/expires_at", "invalid_value")}),
    "expiry beyond what policies can judge": (
        {"expires_at": "2200-01-01T00:00:00Z"},
        {("#/expires_at", "out_of_range")},
    ),
    "expiry a number": ({"expires_at": 1893456000}, {("#/expires_at", "type_mismatch")}),
    "field unknown": ({"ttl": 5}, {("#/ttl", "unknown_field")}),
    "a list": ([], {("#", "type_mismatch")}),
}


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_a_bad_environment_is_told_what_is_wrong(standing_house: House, case: str) -> None:
    body, expected = ENVIRONMENTS[case]
    address = "/api/v1/projects/checkout/environments/fresh"
    call = lambda: standing_house.owner.client.put(address, body, format="json")  # noqa: E731 - read where it is used
    assert set(refused(call, 422, "request_refused")) == expected


@pytest.mark.parametrize(
    "name", ["x", "Fresh", "-fresh", "fresh-", "1fresh", "x" * 41, "env_01jd", "fresh%0A", "%F0%9F%9A%80"]
)
def test_an_environment_with_an_unsound_name_is_refused(standing_house: House, name: str) -> None:
    address = f"/api/v1/projects/checkout/environments/{name}"
    found = refused(lambda: standing_house.owner.client.put(address, {}, format="json"), 422, "request_refused")
    assert found == [("#", "pattern_mismatch")]


@pytest.mark.parametrize("body", [{"reason": "x" * 2001}, {"reason": 5}, {"reason": None}, {"why": "x"}, [], "stop"])
def test_a_bad_cancel_is_told_what_is_wrong(standing_house: House, body: object) -> None:
    run = show(Prefix.RUN, Run.objects.get(resource=resource_of(standing_house.orders)).pk)
    assert refused(lambda: standing_house.post(f"runs/{run}/cancel", body), 422, "request_refused")


NAMED = [(route, name) for route, name in NAMING if (route.method, name) != ("PUT", "name")]
"""Where a name in an address that nothing can have is not found; a new environment's is refused."""


def call(house: House, route: Route, name: str, value: str) -> HttpResponse:
    known = {"project": "checkout", "name": "default", name: value}
    address = re.sub(r"{(\w+)}", lambda found: known[found[1]], route.path)
    confirm = "?confirm=default" if route.method == "DELETE" and name != "token_id" else ""
    answer: HttpResponse = house.owner.client.generic(
        route.method, f"{address}{confirm}", "{}", content_type="application/json"
    )
    return answer


@pytest.mark.parametrize(("route", "name"), NAMED, ids=label)
@pytest.mark.parametrize(
    "value",
    [
        "x", "0", "null", "-flag", "x" * 300, "%2e%2e", "..%5c", "a%0Ab", "$%7Bx%7D", "%27%20OR%201=1",
        "%E2%80%AE", "%F0%9F%9A%80", "{prefix}_", "{prefix}_zzz", "{prefix}_01jd0000000000000000000000",
        "{prefix}_01JD0000000000000000000000", "usr_01jd0000000000000000000000",
    ],
)  # fmt: skip
def test_what_no_id_can_be_is_not_found(standing_house: House, route: Route, name: str, value: str) -> None:
    shown = value.format(prefix=KINDS[name].value)
    refused(lambda: call(standing_house, route, name, shown), 404, "not_found")


@pytest.mark.parametrize(("route", "name"), NAMING, ids=label)
def test_a_nul_in_an_address_is_refused(standing_house: House, route: Route, name: str) -> None:
    refused(lambda: call(standing_house, route, name, "a%00b"), 400, "unstorable_text")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("colour=red", "invalid_filter"),
        ("limit=0", "invalid_filter"),
        ("limit=101", "invalid_filter"),
        ("limit=ten", "invalid_filter"),
        ("limit=000001000000", "invalid_filter"),
        ("limit=000001" + "9" * 30, "invalid_filter"),
        ("limit=", "invalid_filter"),
        ("limit=%D9%A1", "invalid_filter"),
        ("cursor=x", "invalid_cursor"),
        ("cursor=", "invalid_cursor"),
        ("x=%00", "unstorable_text"),
    ],
)
def test_a_bad_query_of_a_list_is_refused(standing_house: House, path: str, query: str, code: str) -> None:
    client, address = standing_house.people.lead.client, path.format(project="checkout")
    scope = "project=checkout&" if path.endswith("/quotas") and "colour" not in query else ""
    refused(lambda: client.get(f"{address}?{scope}{query}"), 400, code)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in LISTS.items() for field in fields])
def test_a_hostile_filter_finds_nothing_and_breaks_nothing(
    standing_house: House, path: str, field: str, name: str
) -> None:
    client = standing_house.people.lead.client
    answer = client.get(path.format(project="checkout"), {field: HOSTILE[name]})
    if answer.status_code == 200:
        assert body_of(answer) == {"results": [], "next": None, "previous": None}
    else:
        assert (answer.status_code, body_of(answer)["code"]) in {(400, "invalid_filter"), (404, "not_found")}


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "", "99999999999", "%D9%A1", "0x1", "0&after=1"])
def test_a_bad_place_in_a_log_is_refused(standing_house: House, after: str) -> None:
    run = show(Prefix.RUN, Run.objects.get(resource=resource_of(standing_house.orders)).pk)
    refused(lambda: standing_house.owner.client.get(f"/api/v1/runs/{run}/log?after={after}"), 400, "invalid_filter")


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_a_query_parameter_that_a_route_does_not_have_is_refused_with_those_that_it_has(
    standing_house: House, method: str
) -> None:
    client, address = standing_house.owner.client, f"/api/v1/resources/{standing_house.orders}?dryrun=true"
    body: Any = {"get": None, "patch": {}, "delete": None}[method]
    refused(lambda: getattr(client, method)(address, body), 400, "invalid_filter")
    has = {
        "get": "Send none here.",
        "patch": "Use only: wait; each once.",
        "delete": "Use only: confirm, wait; each once.",
    }
    assert body_of(getattr(client, method)(address, body))["remedy"] == has[method]


def test_a_method_that_a_route_does_not_have_is_told_first(standing_house: House) -> None:
    refused(lambda: standing_house.owner.client.put("/api/v1/policies?dryrun=true"), 405, "method_not_allowed")
