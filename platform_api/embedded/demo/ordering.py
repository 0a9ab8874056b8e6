"""What every chapter does with what it orders: order, have the credentials revealed, look it up, give it back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from platform_api.embedded.demo.api import Answer
from platform_api.embedded.demo.display import secret_hint
from platform_api.embedded.demo.following import requests_follow
from platform_api.embedded.demo.stage import PROJECT, REQUESTS, Stage


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """A resource that the demo ordered, with what was revealed of it.

    Attributes:
        username: Who the customer is on the server.
        uri: Holds the password.
        outputs: What the offering says of it.
    """

    id: str
    name: str
    username: str
    uri: str = field(repr=False)
    outputs: dict[str, Any]


def resource_order(
    stage: Stage, body: dict[str, Any], *, key: str | None = None, is_repetition: bool = False
) -> Answer:
    """Show an order, and place it.

    Args:
        stage: Where the demo plays.
        body: What to order; operation and project are added.
        key: Idempotency-Key.
        is_repetition: It was shown before.

    Raises:
        ExpectationError: It is not accepted.
    """
    whole = {"operation": "provision", "project": PROJECT, **body}
    if not is_repetition:
        stage.display.document(whole)
    return stage.ask("POST", REQUESTS, whole, status=202, key=key)


def credentials_reveal(stage: Stage, resource_id: str) -> Ordered:
    """Have a resource's credentials revealed; the password is shown by its beginning only.

    Raises:
        ExpectationError: It is not ready, or they are not revealed.
    """
    resource = stage.read(resource_path(resource_id))
    stage.see(f"{resource['name']} is ready", expected="ready", came=resource["status"])
    answer = stage.ask("POST", resource["credentials"]["url"], status=201)
    stage.remember(answer)
    shown = answer.body
    stage.display.conceal(shown["password"])
    stage.display.table([("username", shown["username"]), ("password", secret_hint(shown["password"]))])
    stage.display.say(f"uri       {shown['uri']}")
    stage.see(
        "the answer may be kept nowhere on its way", expected="no-store", came=answer.headers.get("cache-control")
    )
    return Ordered(
        id=resource["id"],
        name=resource["name"],
        username=shown["username"],
        uri=shown["uri"],
        outputs=resource["outputs"],
    )


def credentials_refused(stage: Stage, ordered: Ordered) -> None:
    """See that a second look at the credentials is refused."""
    answer = stage.ask("POST", f"{resource_path(ordered.id)}/credentials", status=410)
    stage.remember(answer)
    stage.display.say(f"{answer.body['detail']} {answer.body['remedy']}")
    stage.see("nobody is shown them a second time", expected="credentials_already_revealed", came=answer.body["code"])


def resources_give_back(stage: Stage, resources: Sequence[tuple[str, str]]) -> None:
    """Deprovision resources side by side, and see that the API says so.

    Args:
        stage: Where the demo plays.
        resources: Ids and names.

    Raises:
        ExpectationError: One is not deprovisioned.
    """
    asked = [
        stage.ask("DELETE", f"{resource_path(resource_id)}?confirm={name}", status=202).body
        for resource_id, name in resources
    ]
    requests_follow(stage, *asked)
    for resource_id, name in resources:
        came = stage.read(resource_path(resource_id))["status"]
        stage.see(f"{name} is deprovisioned", expected="deprovisioned", came=came)


def resources_named(stage: Stage, name: str) -> list[dict[str, Any]]:
    """List the resources of the project with this name."""
    return list(stage.api.rows(f"/api/v1/resources?project={PROJECT}&name={name}"))


def resource_path(resource_id: str) -> str:
    """Tell where a resource is."""
    return f"/api/v1/resources/{resource_id}"
