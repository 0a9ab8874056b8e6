"""The examples of the document, sent as they stand: what is answered is what the document shows.

``SLIPWAY_RECORD_EXAMPLES=1`` writes the answers anew, with what is particular to one run replaced.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import yaml
from django.http import HttpResponse

from platform_api.core.http.document.examples import Example, examples_of
from platform_api.core.http.document.places import PLACES, example_id
from platform_api.core.ids import Prefix
from platform_api.tenancy.models.access import API_ROUTES, Route, Who
from tests.integration.provisioning.routes import KINDS
from tests.integration.provisioning.world import World, example_of, undone

CHECKOUT = Path(__file__).resolve().parents[3]
FILES = sorted(CHECKOUT.glob("*/api/examples/*.json")) + sorted(CHECKOUT.glob("platform_api/*/api/examples/*.json"))
EXAMPLES = [(file, each) for file in FILES for each in examples_of(file)]
DOCUMENT: dict[str, Any] = yaml.load((CHECKOUT / "docs/openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
ADDRESSES = {
    operation["operationId"]: (method, path)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
IS_RECORDING = os.environ.get("SLIPWAY_RECORD_EXAMPLES") == "1"

REPLACED = (
    (re.compile(r"\b(" + "|".join(Prefix) + r")_[0-7][0-9a-hjkmnp-tv-z]{25}\b"), lambda found: _example(found[1])),
    (re.compile(r"\b20\d\d-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"), "2026-11-21T08:00:00Z"),
    (re.compile(r"sha256:[0-9a-f]{64}"), f"sha256:{'0123456789abcdef' * 4}"),
    (re.compile(r"\bslw_([a-z]+)_[A-Za-z0-9]+"), r"slw_\1_0000000000000000"),
    (re.compile(r"cursor=[^\"&]+"), "cursor=WyJhZnRlciJd"),
    (re.compile(r'"password":"[^"]+"'), '"password":"as-it-was-made"'),
    (re.compile(r"(postgresql://[^:\"]+):[^@\"]+@"), r"\1:as-it-was-made@"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "0194f7c2a1b37c5e8d9f0a1b2c3d4e5f"),
)
"""What differs from run to run, or is secret, and what stands for it."""


def _example(prefix: str) -> str:
    return example_id(Prefix(prefix))


def shown(text: str) -> Any:
    """Return an answer as an example shows it."""
    for pattern, instead in REPLACED:
        text = pattern.sub(cast("str", instead), text)
    return json.loads(text)


def form_of(value: Any) -> Any:
    """Return what two answers to the same call have in common: members and types; null goes with anything."""
    if isinstance(value, dict):
        return {name: form_of(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [form_of(inner) for inner in value]
    return type(value).__name__


def token_of(world: World) -> str:
    """Return the id of the caller's token."""
    route = next(each for each in API_ROUTES if each.path == "/api/v1/teams")
    return str(world.client(Who.ADMIN, route).get("/api/v1/tokens/current").json()["token"]["id"])


def sent(world: World, example: Example, *, method: str, path: str) -> HttpResponse:
    """Send an example, with the world's things in the place of those that are not there."""
    usual = {name: str(place["example"]) for name, place in PLACES.items()}
    ids = world.ids_for(example_of(Route(method.upper(), path, {})))
    real = {example_id(prefix): ids[name] for name, prefix in KINDS.items() if name.endswith("_id")}
    real[example_id(Prefix.API_TOKEN)] = token_of(world)
    text = json.dumps([path.format(**{**usual, **example.path}), example.query, example.body])
    for id_shown, id_real in real.items():
        text = text.replace(id_shown, id_real)
    address, query, body = json.loads(text)
    options: dict[str, Any] = {"query_params": query, "headers": example.headers}
    if method != "get":
        options |= {"data": {} if body is None else body, "content_type": "application/json"}
    route = next(each for each in API_ROUTES if each.path == "/api/v1/teams")
    return cast("HttpResponse", getattr(world.client(Who.ADMIN, route), method)(address, **options))


@pytest.mark.parametrize(("file", "example"), EXAMPLES, ids=[f"{file.stem}-{each.name}" for file, each in EXAMPLES])
def test_an_example_is_answered_as_the_document_shows(world: World, file: Path, example: Example) -> None:
    method, path = ADDRESSES[file.stem]
    with undone():
        answer = sent(world, example, method=method, path=path)
    assert answer.status_code == example.status, answer.content
    found = None if not answer.content or example.status >= 400 else shown(answer.content.decode())
    if IS_RECORDING:
        record(file, example, found)
    assert form_of(example.answer) == form_of(found)


def record(file: Path, example: Example, answer: Any) -> None:
    """Write an answer into the file of its example."""
    example.answer = answer
    content = msgspec.json.format(msgspec.json.encode(examples_of(file)), indent=2)
    file.write_bytes(content + b"\n")
