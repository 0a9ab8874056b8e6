"""Orders a database with generated clients, is shown its credentials, and gives it back.

Two packages have to be importable: ``slipway_client``, generated from the document of the API, and
``postgres_database_client``, generated from that of the offering. Reads ``{"url", "token", "project", "name"}`` from
standard input and prints what came of it, as JSON.
"""

import json
import sys
import time
import uuid
from typing import TypeVar

from postgres_database_client import AuthenticatedClient as OfferingClient
from postgres_database_client.api.requests import request_submit
from postgres_database_client.models import PostgresDatabaseOrder, PostgresDatabaseParameters
from postgres_database_client.models import Problem as OfferingProblem
from postgres_database_client.models.postgres_database_order_plan import PostgresDatabaseOrderPlan
from slipway_client import AuthenticatedClient
from slipway_client.api.requests import request_get
from slipway_client.api.resources import credentials_reveal, resource_deprovision, resource_get
from slipway_client.models import Problem, RequestShape

WAIT_SECONDS = 30
PATIENCE_SECONDS = 30
UNAVAILABLE = 503
Answer = TypeVar("Answer")


def sound(answer: Answer | Problem | OfferingProblem | None) -> Answer:
    """Return an answer that is no refusal."""
    if isinstance(answer, Problem | OfferingProblem):
        raise SystemExit(f"{answer.code}: {answer.detail}")
    if answer is None:
        raise SystemExit("the document does not tell of the answer's status")
    return answer


def finished(client: AuthenticatedClient, request_id: str) -> RequestShape:
    """Wait until a request is final; each call is held for as long as the service allows."""
    while True:
        found: RequestShape = sound(request_get.sync(request_id, client=client, wait=WAIT_SECONDS))
        if found.completed_at is not None or found.status not in {"fulfilling", "pending_approval"}:
            return found


def main() -> None:
    """Order, wait, look, give back."""
    given = json.load(sys.stdin)
    url, token = given["url"], given["token"]
    plain = {"trust_env": False}
    client = AuthenticatedClient(base_url=url, token=token, httpx_args=plain)
    orders = OfferingClient(base_url=url, token=token, httpx_args=plain)
    order = PostgresDatabaseOrder(
        operation="provision",
        offering="postgres-database",
        plan=PostgresDatabaseOrderPlan.SMALL,
        project=given["project"],
        name=given["name"],
        parameters=PostgresDatabaseParameters(connection_limit=7),
        reason="A generated client orders",
    )
    key = f'"{uuid.uuid4()}"'
    answer = request_submit.sync(client=orders, body=order, idempotency_key=key)
    for _ in range(PATIENCE_SECONDS):
        if not isinstance(answer, OfferingProblem) or answer.status != UNAVAILABLE:
            break
        time.sleep(1)  # with its key an order may be repeated until it is answered
        answer = request_submit.sync(client=orders, body=order, idempotency_key=key)
    accepted = sound(answer)
    done = finished(client, accepted.id)
    resource = sound(resource_get.sync(done.resource.id, client=client))
    credentials = sound(credentials_reveal.sync(resource.id, client=client))
    back = sound(resource_deprovision.sync(resource.id, client=client, confirm=resource.name))
    gone = finished(client, back.id)
    after = sound(resource_get.sync(resource.id, client=client))
    json.dump(
        {
            "ordered": done.status,
            "was": resource.status,
            "parameters": resource.parameters.to_dict(),
            "has_credentials": bool(credentials.username and credentials.password),
            "given_back": gone.status,
            "is": after.status,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
