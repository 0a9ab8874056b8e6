"""Who attacks what: two projects of a running stack, and a sound call of every write route."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.client import Client
from tests.e2e.live import LiveStack
from tests.hostile.document import Json, Operation, operations
from tests.hostile.wire import Sent

TARGET, PENNILESS = "target", "penniless"
NEWCOMERS = (TARGET, f"{PENNILESS}=0")
"""The projects that a stack has to have; the second may hold nothing, so that what is sound ends at its quota."""

ENVIRONMENT, NAME = "stage", "orders"
DATABASE, PREVIEW = "postgres-database", "preview-environment"


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sound call of a write route; all that is hostile is put into one.

    Attributes:
        operation: ``operationId``.
        form: Which of several forms of its body.
        path: Values of the path's parameters.
        query: Values of the query's.
        body: The body; None where the route takes none.
        project: Whose developer calls.
        ends: Status and code that it is answered with, when nothing hostile is in it.
    """

    operation: str
    form: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None
    project: str = TARGET
    ends: tuple[int, str] = (202, "accepted")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is attacked.

    Attributes:
        stack: Where it runs.
        operations: All of its document, by ``operationId``.
        names: Values of all path parameters that the document has.
        parameters: What each offering lets a caller set, as a schema, by its slug.
        sounds: The sound calls.
    """

    stack: LiveStack
    operations: Mapping[str, Operation]
    names: Mapping[str, str]
    parameters: Mapping[str, Json]
    sounds: tuple[Sound, ...]

    def headers(self, project: str = TARGET) -> dict[str, str]:
        """Return the headers of a project's developer."""
        return {"Authorization": self.stack.clients[project].http.headers["Authorization"]}

    def call(self, sound: Sound, *, body: bytes, headers: Mapping[str, str] | None = None) -> Sent:
        """Return a sound call with this body."""
        operation = self.operations[sound.operation]
        path = operation.path.format(**{**self.names, **sound.path})
        query = "&".join(f"{name}={value}" for name, value in sound.query.items())
        content = {} if sound.body is None else {"Content-Type": "application/json"}
        return Sent(
            method=operation.method,
            target=f"{path}?{query}" if query else path,
            headers={**self.headers(sound.project), **content, **(headers or {})},
            body=body,
        )


def stage_make(stack: LiveStack) -> Stage:
    """Furnish a stack whose newcomers are ``NEWCOMERS``: a database that was ordered, made, and revealed."""
    client = stack.clients[TARGET]
    found = {operation.id: operation for operation in operations(document_read(client))}
    resource = client.provision(NAME, parameters={"connection_limit": 7})
    client.reveal(resource)
    request = client.get("requests", project=TARGET)["results"][0]
    made = client.call("PUT", f"projects/{TARGET}/environments/{ENVIRONMENT}", json={"reason": "to be attacked"})
    assert made.status_code == 201, made.text
    names = {
        "request_id": request["id"],
        "resource_id": resource["id"],
        "run_id": request["run"]["id"],
        "environment_id": made.json()["id"],
        "project": TARGET,
        "name": ENVIRONMENT,
        "offering": DATABASE,
    }
    parameters = {slug: client.get(f"offerings/{slug}")["parameters_schema"] for slug in (DATABASE, PREVIEW)}
    sounds = _sounds(resource["id"], names)
    told = {sound.operation for sound in sounds}
    others = [_derived(each) for each in found.values() if each.is_write and each.id not in told]
    return Stage(
        stack=stack,
        operations=found,
        names={name: names.get(name, "nothing") for each in found.values() for name in each.names("path")},
        parameters=parameters,
        sounds=(*sounds, *others),
    )


def document_read(client: Client) -> Json:
    """Return the document that the running service shows."""
    base = str(client.http.base_url).removesuffix("/api/v1/")
    answer = client.http.get(f"{base}/docs/openapi.yaml", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200, answer.text
    document: Json = answer.json()
    return document


def _sounds(resource: str, names: Mapping[str, str]) -> tuple[Sound, ...]:
    why = {"reason": "Hostile values are tried", "ticket": "SHOP-142"}
    order = {
        "operation": "provision",
        "offering": DATABASE,
        "plan": "small",
        "project": TARGET,
        "environment": "default",
        "name": NAME,
        "parameters": {"connection_limit": 7, "statement_timeout_seconds": 30},
        **why,
    }
    change = {"plan": "small", "parameters": {"connection_limit": 8, "statement_timeout_seconds": 31}, **why}
    preview = {
        "offering": PREVIEW,
        "ttl_seconds": 3600,
        "parameters": {"connections": 5},
        "source": {"repository_id": "42", "pull_request": 142},
        "reopen": False,
        **why,
    }
    confirm = {"confirm": NAME}
    return (
        Sound(operation="request_submit", form="provision", body=order, ends=(409, "name_taken")),
        Sound(operation="request_submit", form="update", body={"operation": "update", "resource": resource, **change}),
        Sound(operation="request_submit", form="rotate", body={"operation": "rotate", "resource": resource, **why}),
        Sound(
            operation="request_submit",
            form="deprovision",
            body={"operation": "deprovision", "resource": resource, **confirm, **why},
        ),
        Sound(operation="request_retry", body=why, ends=(409, "request_not_failed")),
        Sound(operation="resource_update", body=change),
        Sound(operation="resource_deprovision", query=confirm),
        Sound(operation="credentials_reveal", ends=(410, "credentials_already_revealed")),
        Sound(operation="credentials_rotate", body=why),
        Sound(operation="run_cancel", body={"reason": "It is not wanted"}, ends=(409, "already_final")),
        Sound(
            operation="environment_ensure",
            form="empty",
            body={"tier": "development", "source": {"repository_id": "42"}, "reopen": False, **why},
            ends=(200, "accepted"),
        ),
        Sound(
            operation="environment_ensure",
            form="composed",
            path={"project": PENNILESS, "name": "preview"},
            body=preview,
            project=PENNILESS,
            ends=(422, "request_refused"),
        ),
        Sound(operation="environment_delete", query={"confirm": "wrong"}, ends=(422, "request_refused")),
        Sound(operation="environment_named_delete", query={"confirm": "wrong"}, ends=(422, "request_refused")),
    )


def _derived(operation: Operation) -> Sound:
    """Return a call of a route that nobody has written a sound one for; whatever it is answered with will do."""
    body = None if operation.schema is None else _example(operation.schema)
    return Sound(operation=operation.id, body=body, query=dict.fromkeys(operation.names("query"), "x"), ends=(0, ""))


def _example(schema: Json) -> Any:
    """Return the plainest value that a schema allows."""
    for name in ("example", "default", "const"):
        if name in schema:
            return deepcopy(schema[name])
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0])
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: _example(inner) for name, inner in schema.get("properties", {}).items()}
    plain = {"string": "plain", "integer": schema.get("minimum", 1), "number": 1, "boolean": False}
    return plain.get(kind, [])
