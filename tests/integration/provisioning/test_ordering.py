import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core.http.conditions import tag_of
from tests.integration.provisioning.house import House, ask, body_of, quota, resource_of, run_of


@pytest.fixture
def house(borrowed_house: House) -> House:
    """What these tests do is seen from one connection alone, and taken back."""
    return borrowed_house


def test_an_accepted_order_is_answered_with_all_that_there_is_to_watch(house: House) -> None:
    answer = house.order()
    body = body_of(answer)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/requests/{body['id']}"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["ETag"] == tag_of(answer.content)
    assert "Idempotency-Replayed" not in answer.headers
    resource, run, decisions = body.pop("resource"), body.pop("run"), body.pop("decisions")
    for found, kind in ((resource, "resources"), (run, "runs")):
        assert found["url"] == f"/api/v1/{kind}/{found['id']}"
    assert (resource["name"], run["status"]) == ("invoices", "pending")
    assert {decision["outcome"] for decision in decisions} == {"allow"}
    assert {decision["set"] for decision in decisions} == {"default@1"}
    assert body == {
        "id": body["id"],
        "operation": "provision",
        "status": "fulfilling",
        "offering": {"slug": "postgres-database", "version": "1.0.0", "plan": "small"},
        "project": "checkout",
        "environment": "staging",
        "quota": [
            {"kind": "points", "scope": "project:checkout", "requested": 1, "used": 2, "limit": 20},
            {"kind": "count:database", "scope": "project:checkout", "requested": 1, "used": 2, "limit": 10},
            {"kind": "points", "scope": "team:shop", "requested": 1, "used": 2, "limit": 60},
            {"kind": "count:database", "scope": "team:shop", "requested": 1, "used": 2, "limit": 30},
        ],
        "parameters": {"connection_limit": 10, "statement_timeout_seconds": 60},
        "cost": {"monthly": {"amount": "9.00", "currency": "EUR"}},
        "approvals": {"needed": [], "given": []},
        "reason": "Own store for the invoices service",
        "ticket": "SHOP-142",
        "requested_by": {"kind": "human", "name": "owner", "on_behalf_of": None},
        "failure": None,
        "created_at": body["created_at"],
        "completed_at": None,
    }
    assert quota() == (1, 1)


@pytest.mark.parametrize("operation", ["provision", "rotate"])
def test_the_trace_of_the_call_goes_on_in_all_rows_that_it_makes(house: House, operation: str) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    body = ask() if operation == "provision" else {"operation": operation, "resource": house.orders}
    answer = house.owner.client.post(
        "/api/v1/requests", body, format="json", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-00"}
    )
    span = answer.headers["traceparent"]
    run = run_of(resource_of(body_of(answer)["resource"]["id"]))
    assert run.provisioning_request is not None
    assert {run.traceparent, run.provisioning_request.traceparent} == {span}
    assert span.startswith(f"00-{trace}-")
    assert AuditEvent.objects.get(action="request.submitted", object_id=run.provisioning_request_id).trace_id == trace
