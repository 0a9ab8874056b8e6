"""Each offering as a document: sound by the specification, and of one mind with what the API takes."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.integration.provisioning.house import House, ask, body_of
from tests.integration.provisioning.trio import publish

Json = dict[str, Any]


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def document_of(house: House, offering: str = "postgres-database", **headers: str) -> Any:
    """Ask for the document of an offering as somebody who may only look."""
    return house.people.viewer.client.get(f"/api/v1/offerings/{offering}/openapi", headers=headers)


def takes(document: Json, schema: str, body: Json) -> bool:
    """Tell whether a body is one that the document describes."""
    root = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    return validator_for(root).is_valid(body)


def test_the_document_of_an_offering_is_sound(standing_house: House) -> None:
    answer = document_of(standing_house)
    assert answer.status_code == 200
    document = answer.json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["version"] == "1.0.0"
    ids = {each["operationId"] for item in document["paths"].values() for each in item.values()}
    assert {"request_submit", "request_get", "credentials_reveal"} <= ids
    assert not ids & {"audit_event_list", "token_issue"}


BODIES = [
    ask(),
    ask(version="1.0.0"),
    ask(parameters=None),
    ask(plan="medium", parameters={"connection_limit": 100}),
    ask(parameters={"connection_limit": 21}),
    ask(parameters={"connection_limit": 0}),
    ask(parameters={"connection_limit": "ten"}),
    ask(parameters={"conection_limit": 10}),
    ask(plan="tiny"),
    ask(version="9.9.9"),
    ask(name="No name"),
    ask(offering="other-database"),
    ask(project=None),
    ask(ticket=""),
    {**ask(), "resource": "res_01k9xjr79efx08mmbbfj6sw3rg"},
]


@pytest.mark.parametrize("body", BODIES, ids=[f"body-{number}" for number in range(len(BODIES))])
def test_what_the_document_describes_is_what_the_service_takes(house: House, body: Json) -> None:
    is_described = takes(document_of(house).json(), "PostgresDatabaseOrder", body)
    answer = house.post("requests", body)
    assert answer.status_code in {202, 422}, answer.content
    assert is_described == (answer.status_code == 202), body_of(answer)


def test_a_change_names_no_more_than_what_shall_change(standing_house: House) -> None:
    document = document_of(standing_house).json()
    assert takes(document, "PostgresDatabaseUpdate", {"parameters": {"connection_limit": 5}})
    assert takes(document, "PostgresDatabaseUpdate", {"plan": "large"})
    assert not takes(document, "PostgresDatabaseUpdate", {"parameters": {"size": 5}})


def test_a_document_sets_no_default_that_a_client_would_overrule_the_plan_with(standing_house: House) -> None:
    schemas = document_of(standing_house).json()["components"]["schemas"]
    parameters = schemas["PostgresDatabaseParameters"]["properties"]
    assert parameters
    assert all("default" not in each for each in parameters.values())


def test_a_document_that_is_as_the_caller_has_it_is_not_sent_again(standing_house: House) -> None:
    tag = document_of(standing_house)["ETag"]
    again = document_of(standing_house, **{"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_there_is_no_document_of_what_is_not_offered(standing_house: House) -> None:
    answer = document_of(standing_house, "no-such-thing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_document_of_a_composed_offering_orders_an_environment(house: House, tmp_path: Path) -> None:
    publish(tmp_path)
    document = document_of(house, "trio").json()
    OpenAPIV31SpecValidator(document).validate()
    assert takes(document, "TrioOrder", {"offering": "trio", "ttl_seconds": 86400, "parameters": {"connections": 5}})
    for unsound in ({"offering": "trio", "tier": "staging"}, {"offering": "trio", "ttl_seconds": 86401}, {}):
        assert not takes(document, "TrioOrder", unsound)
    assert list(document["paths"]["/api/v1/projects/{project}/environments/{name}"]) == ["get", "put", "delete"]
