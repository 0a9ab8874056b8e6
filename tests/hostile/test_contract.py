"""The judge of answers finds each thing that can be wrong with one, and nothing wrong with a right one."""

import json
import subprocess
from typing import Any

import pytest

from tests.hostile.contract import Contract
from tests.hostile.document import operations, slots
from tests.hostile.telling import Telling
from tests.hostile.values import KEYS, VALUES
from tests.hostile.wire import Heard, Sent

SENT = Sent(method="POST", target="/api/v1/requests", headers={"Authorization": "Bearer slw_secret"}, body=b'{"a": 1}')
PROBLEM: dict[str, Any] = {
    "type": "/docs/problems/name_taken",
    "title": "The name is taken",
    "status": 409,
    "code": "name_taken",
    "detail": "There is one.",
    "instance": "/api/v1/requests",
    "correlation_id": "abcdefgh",
    "errors": [{"pointer": "#/name", "code": "taken", "detail": "There is one."}],
}


def refusal(answered: int = 409, *, content: str = "application/problem+json", **changes: Any) -> Heard:
    headers = {"content-type": content, "correlation-id": "abcdefgh"}
    return Heard(status=answered, headers=headers, body=json.dumps({**PROBLEM, **changes}).encode())


def test_a_right_refusal_and_a_right_acceptance_have_no_fault() -> None:
    contract = Contract()
    assert contract.faults(SENT, refusal()) == []
    assert contract.faults(SENT, Heard(status=202, headers={"correlation-id": "abcdefgh"})) == []
    assert contract.totals == {(409, "name_taken"): 1, (202, "accepted"): 1}


@pytest.mark.parametrize(
    "heard",
    [
        refusal(500, status=500),
        refusal(content="application/json"),
        refusal(status=400),
        refusal(code="Name-Taken", type="/docs/problems/Name-Taken"),
        refusal(type="about:blank"),
        refusal(correlation_id="another"),
        refusal(correlation_id=""),
        refusal(errors=[{"pointer": "/name", "code": "taken", "detail": "x"}]),
        refusal(errors=[{"code": "taken", "detail": "x"}]),
        Heard(status=409, headers={"correlation-id": "abcdefgh"}, body=b"<h1>Conflict</h1>"),
        Heard(status=409, headers={"correlation-id": "abcdefgh"}, body=b"{}"),
        Heard(status=202),
        Heard(status=0),
    ],
)
def test_whatever_is_not_as_promised_is_a_fault(heard: Heard) -> None:
    assert Contract().faults(SENT, heard)


def test_a_code_that_changes_its_status_is_a_fault() -> None:
    contract = Contract()
    assert contract.faults(SENT, refusal()) == []
    assert contract.faults(SENT, refusal(422, status=422))


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/api/v1/requests": {
            "post": {
                "operationId": "request_submit",
                "responses": {
                    "202": {},
                    "409": {"content": {"application/problem+json": {"examples": {"name_taken": {}}}}},
                },
            }
        }
    }
}


def test_an_answer_that_the_document_does_not_tell_is_a_fault() -> None:
    telling = Telling(operations(DOCUMENT))
    assert telling.faults(SENT, refusal()) == []
    assert telling.faults(SENT, Heard(status=202, headers={"correlation-id": "abcdefgh"})) == []
    assert telling.faults(SENT, refusal(410, status=410))
    assert telling.faults(SENT, refusal(code="other"))


def test_of_an_address_that_is_no_route_the_document_need_not_tell() -> None:
    stray = Sent(method="POST", target="/api/v1/requests/more")
    assert Telling(operations(DOCUMENT)).faults(stray, refusal(404, status=404)) == []


def test_a_new_field_is_attacked_by_itself() -> None:
    item = {"type": "object", "properties": {"inner": {"type": "integer"}}}
    schema = {"properties": {"name": {"type": "string"}, "fresh": {"anyOf": [item, {"type": "null"}]}}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    document = {
        "paths": {"/things": {"post": {"operationId": "thing_make", "requestBody": {"content": content}}}},
        "components": {"schemas": {"Thing": schema}},
    }
    (operation,) = operations(document)
    assert operation.schema is not None
    found = {slot.pointer for slot in slots(operation.schema, {"name": "a", "free": {"x": [1]}})}
    assert found == {"#", "#/name", "#/fresh", "#/fresh/inner", "#/free", "#/free/x", "#/free/x/0"}


def test_there_are_more_than_a_hundred_and_twenty_different_values() -> None:
    assert len({value.text for value in VALUES}) == len(VALUES) >= 120
    assert len({key.text for key in KEYS}) == len(KEYS)


@pytest.mark.parametrize("body", [b'{"a": "it\'s"}', b"\xff\x00\n", b"[" * 100_000])
def test_a_curl_line_sends_the_very_bytes_and_shows_no_token(body: bytes) -> None:
    sent = Sent(method="POST", target="/a?b=%00", headers=SENT.headers, body=body)
    assert "secret" not in sent.curl
    # A shell function in place of curl: it says what it was given, and what it was given to read.
    echo = (
        'curl() { printf "%s\\n" "$@" >&2; for last; do :; done; '
        'if [ "$last" = @- ]; then cat; else printf %s "$last"; fi; }'
    )
    ran = subprocess.run(
        ["bash", "-c", f"{echo}\n{sent.curl}"],
        capture_output=True,
        check=True,
        env={"SLIPWAY_URL": "http://x", "SLIPWAY_TOKEN": "mine", "PATH": "/usr/bin:/bin"},
    )
    assert ran.stdout == body
    assert {"POST", "http://x/a?b=%00", "Authorization: Bearer mine"} <= set(ran.stderr.decode().splitlines())
