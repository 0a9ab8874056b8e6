"""``POST /requests`` with everything that can be wrong about a body, a key or a name in it."""

from typing import Any

import pytest

from tests.integration.provisioning.house import House, ask, body_of
from tests.integration.provisioning.problems import refused, without_id

LONG = "x" * 300
LIMIT = "#/parameters/connection_limit"

BODIES: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "operation missing": ({"operation": None}, {("#/operation", "field_missing")}),
    "operation unknown": ({"operation": "explode"}, {("#/operation", "not_a_choice")}),
    "operation of the platform": ({"operation": "verify"}, {("#/operation", "not_a_choice")}),
    "operation of another type": ({"operation": 1}, {("#/operation", "not_a_choice")}),
    "operation a list": ({"operation": ["provision"]}, {("#/operation", "not_a_choice")}),
    "offering missing": ({"offering": None}, {("#/offering", "field_missing")}),
    "offering of another type": ({"offering": 7}, {("#/offering", "type_mismatch")}),
    "offering too long": ({"offering": LONG}, {("#/offering", "too_long")}),
    "offering empty": ({"offering": ""}, {("#/offering", "too_short")}),
    "offering unknown": ({"offering": "postgres"}, {("#/offering", "unknown_offering")}),
    "offering in capitals": ({"offering": "Postgres-Database"}, {("#/offering", "unknown_offering")}),
    "offering retired": ({"offering": "gadget"}, {("#/offering", "offering_retired")}),
    "plan missing": ({"plan": None}, {("#/plan", "field_missing")}),
    "plan unknown": ({"plan": "huge"}, {("#/plan", "unknown_plan")}),
    "plan retired": ({"offering": "widget", "plan": "red", "parameters": {}}, {("#/plan", "plan_retired")}),
    "plan too long": ({"plan": LONG}, {("#/plan", "too_long")}),
    "version unknown": ({"version": "9.9.9"}, {("#/version", "version_unknown")}),
    "version retired": ({"offering": "widget", "version": "1.0.0"}, {("#/version", "version_retired")}),
    "version a number": ({"version": 1.0}, {("#/version", "type_mismatch")}),
    "version too long": ({"version": LONG}, {("#/version", "too_long")}),
    "project missing": ({"project": None}, {("#/project", "field_missing")}),
    "project unknown": ({"project": "nowhere"}, {("#/project", "unknown_project")}),
    "project of others": ({"project": "spy"}, {("#/project", "unknown_project")}),
    "project a broken id": ({"project": "prj_zzz"}, {("#/project", "unknown_project")}),
    "project an id of nothing": ({"project": "prj_01jd0000000000000000000000"}, {("#/project", "unknown_project")}),
    "project of another type": ({"project": {}}, {("#/project", "type_mismatch")}),
    "project too long": ({"project": LONG}, {("#/project", "too_long")}),
    "environment unknown": ({"environment": "nowhere"}, {("#/environment", "unknown_environment")}),
    "environment a broken id": ({"environment": "env_zzz"}, {("#/environment", "unknown_environment")}),
    "environment too long": ({"environment": LONG}, {("#/environment", "too_long")}),
    "name missing": ({"name": None}, {("#/name", "field_missing")}),
    "name of one character": ({"name": "a"}, {("#/name", "pattern_mismatch")}),
    "name in capitals": ({"name": "Invoices"}, {("#/name", "pattern_mismatch")}),
    "name with a hyphen last": ({"name": "invoices-"}, {("#/name", "pattern_mismatch")}),
    "name beginning with a digit": ({"name": "1nvoices"}, {("#/name", "pattern_mismatch")}),
    "name of 41 characters": ({"name": "a" * 41}, {("#/name", "too_long"), ("#/name", "pattern_mismatch")}),
    "name of another type": ({"name": True}, {("#/name", "type_mismatch")}),
    "parameters of another type": ({"parameters": []}, {("#/parameters", "type_mismatch")}),
    "parameters a text": ({"parameters": "{}"}, {("#/parameters", "type_mismatch")}),
    "parameter unknown": ({"parameters": {"size": 1}}, {("#/parameters/size", "unknown_field")}),
    "parameter of the platform": ({"parameters": {"name": "x"}}, {("#/parameters/name", "unknown_field")}),
    "parameter secret": (
        {"parameters": {"password_verifier": "x"}}, {("#/parameters/password_verifier", "unknown_field")}
    ),
    "parameter null": ({"parameters": {"connection_limit": None}}, {(LIMIT, "type_mismatch")}),
    "parameter a fraction": ({"parameters": {"connection_limit": 1.5}}, {(LIMIT, "type_mismatch")}),
    "parameter huge": ({"parameters": {"connection_limit": 10**29}}, {(LIMIT, "out_of_range")}),
    "parameter above the plan": ({"parameters": {"connection_limit": 21}}, {(LIMIT, "out_of_range")}),
    "parameter with slashes": ({"parameters": {"a/b~c": 1}}, {("#/parameters/a~1b~0c", "unknown_field")}),
    "parameter missing": ({"offering": "widget", "parameters": {}}, {("#/parameters/color", "field_missing")}),
    "reason too long": ({"reason": "x" * 2001}, {("#/reason", "too_long")}),
    "reason of another type": ({"reason": 5}, {("#/reason", "type_mismatch")}),
    "ticket too long": ({"ticket": "x" * 101}, {("#/ticket", "too_long")}),
    "ticket empty": ({"ticket": ""}, {("#/ticket", "too_short")}),
    "field unknown": ({"colour": "red"}, {("#/colour", "unknown_field")}),
    "field near to one": ({"offerings": "x"}, {("#/offerings", "unknown_field")}),
    "resource at a new order": ({"resource": "res_x"}, {("#/resource", "unknown_field")}),
    "confirm at a new order": ({"confirm": "invoices"}, {("#/confirm", "unknown_field")}),
    "several at once": (
        {"plan": None, "name": 5, "colour": 1},
        {("#/plan", "field_missing"), ("#/name", "type_mismatch"), ("#/colour", "unknown_field")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_a_bad_order_is_told_what_is_wrong(standing_house: House, case: str) -> None:
    changes, expected = BODIES[case]
    found = refused(lambda: standing_house.order(**changes), 422, "request_refused")
    assert set(found) == expected


@pytest.mark.parametrize("body", [None, [], "text", 7, True, [{}]])
def test_a_body_that_is_no_object_is_refused(standing_house: House, body: object) -> None:
    assert refused(lambda: standing_house.post("requests", body), 422, "request_refused")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "request_refused"),
        (b"{", "malformed_json"),
        (b'{"operation": "provision", "operation": "update"}', "duplicate_key"),
        (b'{"name": "a\\u0000b"}', "unstorable_text"),
        (b'{"name": "\\ud800"}', "unstorable_text"),
        (b'{"parameters": ' + b"[" * 33 + b"]" * 33 + b"}", "too_deep"),
        (b'{"parameters": {"connection_limit": NaN}}', "malformed_json"),
        (b'{"parameters": {"connection_limit": 1e999}}', "malformed_json"),
        (b"\xff{}", "malformed_json"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(standing_house: House, raw: bytes, code: str) -> None:
    client = standing_house.owner.client
    status = 422 if code == "request_refused" else 400
    refused(
        lambda: client.generic("POST", "/api/v1/requests", raw, content_type="application/json"),  # type: ignore[arg-type]  # bytes are sent as they are
        status,
        code,
    )


def test_a_project_of_others_is_refused_like_one_that_is_not_there(standing_house: House) -> None:
    spied, missing = (without_id(standing_house.order(project=name)) for name in ("spy", "xyz"))
    assert str(spied).replace("spy", "xyz") == str(missing)


def test_an_environment_of_others_is_refused_like_one_that_is_not_there(standing_house: House) -> None:
    stranger = standing_house.people.stranger
    there = body_of(stranger.client.get("/api/v1/projects/spy/environments/default"))["id"]
    missing = there[:-4] + "0000"
    answers = [without_id(standing_house.order(environment=name)) for name in (there, missing)]
    assert str(answers[0]).replace(there, missing) == str(answers[1])


HOSTILE = {
    "newline last": "invoices\n",
    "newline within": "invo\nices",
    "carriage return": "invoices\r",
    "right to left": "invoices\u202egpj",
    "path": "../../etc/passwd",
    "interpolation": '${file("/etc/passwd")}',
    "directive": "%{ for x in y }",
    "flag": "-var=x",
    "quote": "x'; DROP TABLE run; --",
    "format": "%(name)s %s {0}",
    "300 characters": LONG,
    "emoji": "invoices\U0001f680",
    "full width": "\uff49nvoices",
    "zero width": "in\u200bvoices",
    "markup": "<script>alert(1)</script>",
    "blank": "  ",
    "tab": "\t",
    "escape": "\x1b[31mred",
    "line separator": "invoices\u2028",
}
FIELDS = ("operation", "offering", "version", "plan", "project", "environment", "name")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", FIELDS)
def test_a_hostile_name_is_refused_in_every_field_that_names_something(
    standing_house: House, field: str, name: str
) -> None:
    changes: dict[str, Any] = {field: HOSTILE[name]}
    found = refused(lambda: standing_house.order(**changes), 422, "request_refused")
    assert {pointer for pointer, _ in found} == {f"#/{field}"}


@pytest.mark.parametrize("field", ["offering", "name", "reason", "ticket", "parameters"])
def test_a_nul_is_refused_in_every_field(standing_house: House, field: str) -> None:
    text = "invo\x00ices"
    changes: dict[str, Any] = {field: {text: 1} if field == "parameters" else text}
    assert refused(lambda: standing_house.order(**changes), 400, "unstorable_text") == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_parameter_is_refused_as_name_and_as_value(standing_house: House, name: str) -> None:
    for parameters in ({HOSTILE[name]: 1}, {"connection_limit": HOSTILE[name]}):
        found = refused(lambda given=parameters: standing_house.order(parameters=given), 422, "request_refused")  # type: ignore[misc]  # a default binds the loop's value
        assert len(found) == 1
        assert found[0][0].startswith("#/parameters/")


def test_the_ask_of_these_tests_is_sound(standing_house: House) -> None:
    # As a change of nothing: it is judged whole, and refused for its name alone.
    assert refused(lambda: standing_house.post("requests", ask(name="orders")), 409, "name_taken") == []
