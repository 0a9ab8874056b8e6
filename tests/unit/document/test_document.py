"""The document of the API: sound, whole, told in words, bounded, and the one that is frozen."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema_rs import validator_for
from openapi_spec_validator import OpenAPIV31SpecValidator

from platform_api.core.http.deprecation import Deprecation
from platform_api.core.http.document.changes import changes_between
from platform_api.core.http.document.parts import prune, whole
from platform_api.tenancy.models.access import API_ROUTES
from provisioning.api.logs import RunLog
from tests.unit.document.endpoints import FROZEN, Endpoint, answers, endpoints

Json = dict[str, Any]
ENDPOINTS = list(endpoints())
IDS = [each.id for each in ENDPOINTS]
JSON = "application/json"

ID_OF_ANY_KIND = re.compile(r"\((?:ActorShape|ObjectShape|PolicyShape|PolicySetShape)\)")
"""Whose ids are of many kinds, or are words that a person chose."""

WITHOUT_EXAMPLE = {"offering_document", "oidc_exchange"}
"""The one answers with a document like this, the other needs a CI system to sign what it takes."""


def _id(endpoint: Endpoint) -> str:
    return endpoint.id


def sound(endpoint: Endpoint) -> list[Json]:
    """Return the answers of success that have a body."""
    return [answer for status, answer in answers(endpoint.operation) if status < 300 and "content" in answer]


def resolved(schema: Json) -> Json:
    """Return a schema that stands by itself."""
    return {**schema, "components": whole()["components"]}


def nested(schema: Any, path: str = "#") -> Iterator[tuple[str, Json]]:
    """Yield each schema within a schema, with where it stands; what is referred to as well."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from nested(whole()["components"]["schemas"][name], f"{path}({name})")
        return
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nested(inner, f"{path}/{name}")
    for word in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(word, ()):
            yield from nested(inner, path)
    if "items" in schema:
        yield from nested(schema["items"], f"{path}/*")


def test_the_document_is_the_one_that_is_frozen() -> None:
    assert whole() == FROZEN, "docs/openapi.yaml is behind the code: run make openapi, and look at the difference"


def test_the_document_keeps_to_the_specification() -> None:
    OpenAPIV31SpecValidator(whole()).validate()


def test_every_operation_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(IDS).items() if count > 1] == []


def test_no_component_is_there_for_nothing() -> None:
    assert prune(whole())["components"] == whole()["components"]


def test_the_document_says_whose_it_is_and_on_which_terms() -> None:
    assert whole()["info"]["contact"]
    assert whole()["info"]["license"]["identifier"] == "Apache-2.0"
    assert whole()["servers"]


def test_the_document_has_the_routes_of_the_access_table_and_their_scopes() -> None:
    told = {
        (method.upper(), path): operation["security"]
        for path, item in whole()["paths"].items()
        for method, operation in item.items()
    }
    table = {
        (route.method, route.path): [] if route.scope is None else [str(route.scope)]
        for route in API_ROUTES
        if (route.method, route.path) != ("POST", "/api/v1/auth/oidc/exchange")
    }
    assert told.pop(("POST", "/api/v1/auth/oidc/exchange")) == []
    assert {route: next(each["apiToken"] for each in told[route] if "apiToken" in each) for route in told} == table


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_id)
def test_an_operation_is_told_in_words(endpoint: Endpoint) -> None:
    operation = endpoint.operation
    assert 5 <= len(operation["summary"]) <= 90
    assert len(operation["description"]) >= 40
    assert set(operation["tags"]) <= {tag["name"] for tag in whole()["tags"]}
    assert all(each.get("description") for each in operation.get("parameters", ()))
    assert all(answer["description"] for _, answer in answers(operation))


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.id not in WITHOUT_EXAMPLE], ids=_id)
def test_an_operation_shows_what_it_is_sent_and_what_it_answers(endpoint: Endpoint) -> None:
    body = endpoint.operation.get("requestBody")
    assert body is None or body["content"][JSON]["examples"]
    parts = [answer["content"][JSON] for answer in sound(endpoint)]
    assert not parts or any(part.get("examples") for part in parts)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_id)
def test_an_example_is_what_its_schema_describes(endpoint: Endpoint) -> None:
    bodies = [answer.get("content", {}) for _, answer in answers(endpoint.operation)]
    bodies.append(endpoint.operation.get("requestBody", {"content": {}})["content"])
    for part in (part for content in bodies for part in content.values()):
        validator = validator_for(resolved(part["schema"]))
        for name, example in part.get("examples", {}).items():
            shown = example if "value" in example else whole()["components"]["examples"][name]
            assert [str(error) for error in validator.iter_errors(shown["value"])] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_id)
def test_what_is_sent_is_bounded_and_nothing_unknown_is_taken(endpoint: Endpoint) -> None:
    sent = [each["schema"] for each in endpoint.operation.get("parameters", ())]
    body = endpoint.operation.get("requestBody")
    sent += [] if body is None else [body["content"][JSON]["schema"]]
    for path, schema in (each for part in sent for each in nested(part)):
        assert is_bounded(schema), path


def is_bounded(schema: Json) -> bool:
    """Tell whether a schema says how much may be sent."""
    match schema.get("type"):
        case "string":
            return bool({"maxLength", "enum", "const", "format"} & set(schema))
        case "integer":
            return {"minimum", "maximum"} <= set(schema)
        case "array":
            return "maxItems" in schema
    return schema.get("additionalProperties") is False if "properties" in schema else True


def test_an_old_part_of_the_api_is_told_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Deprecation(at=datetime(2026, 3, 1, tzinfo=UTC), guide="/docs/guides/moving-to-v2")
    monkeypatch.setattr(RunLog, "deprecation", old, raising=False)
    document = whole.__wrapped__()
    operations = {each["operationId"]: each for item in document["paths"].values() for each in item.values()}
    assert [name for name, each in operations.items() if each.get("deprecated")] == ["run_log"]
    for status, answer in operations["run_log"]["responses"].items():
        name = answer.get("$ref", "").rpartition("/")[2]
        told = document["components"]["responses"][name] if name else answer
        assert told["headers"].keys() >= {"Deprecation", "Sunset", "Link"}, status
    OpenAPIV31SpecValidator(document).validate()
    assert [str(each) for each in changes_between(whole(), document) if each.is_breaking] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=_id)
def test_an_id_in_an_answer_shows_what_ids_look_like(endpoint: Endpoint) -> None:
    for path, schema in (each for answer in sound(endpoint) for each in nested(answer["content"][JSON]["schema"])):
        if path.endswith("/id") and not ID_OF_ANY_KIND.search(path):
            assert "pattern" in schema, path
