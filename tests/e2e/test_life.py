"""A database from its order to its end, as its owner sees it, and as nobody else does."""

import json

import psycopg
import pytest

from tests.e2e.client import Client, Json
from tests.e2e.live import LiveStack

pytestmark = pytest.mark.live

PARTS = [
    "control-postgres",
    "fleet-postgres",
    "broker",
    "fleet-valkey",
    "policy",
    "api",
    "dispatcher",
    "limits",
    "worker",
]
NOBODY_HAS = "01jd0000000000000000000000"
LIMITS = """
    SELECT r.rolconnlimit, d.datconnlimit
    FROM pg_roles r JOIN pg_database d ON d.datname = r.rolname WHERE r.rolname = %s
"""


def quota(client: Client) -> dict[str, int]:
    rows: list[Json] = client.get("quotas", project=client.project)["results"]
    return {f"{row['scope']} {row['kind']}": row["used"] + row["reserved"] for row in rows}


def absent(path: str) -> str:
    """The same address with an id or slug that nobody has."""
    noun, _, rest = path.partition("/")
    name, separator, verb = rest.partition("/")
    kind, underscore, _ = name.partition("_")
    return f"{noun}/{kind}_{NOBODY_HAS}{separator}{verb}" if underscore else f"{noun}/nobody-has{separator}{verb}"


def refusal(client: Client, method: str, path: str) -> tuple[int, Json]:
    """The refusal of a call, but for what is each exchange's own."""
    answer = client.call(method, path, json={} if method in {"POST", "PATCH"} else None)
    body: Json = answer.json()
    assert body.pop("correlation_id")
    assert body.pop("instance").startswith(f"/api/v1/{path.partition('/')[0]}")
    assert answer.status_code == 404, answer.text
    return answer.status_code, body


def test_status_shows_every_part_ready(live_stack: LiveStack) -> None:
    live_stack.wait_ready()

    answer = live_stack.cli("status", "--json")

    status = json.loads(answer.stdout)
    assert (answer.returncode, status["state"]) == (0, "ready")
    assert {name: part["state"] for name, part in status["parts"].items()} == dict.fromkeys(PARTS, "ready")


def test_a_database_is_ordered_used_resized_and_given_back(live_stack: LiveStack, vault: Client) -> None:
    assert set(quota(vault).values()) <= {0}

    resource = vault.provision("orders", parameters={"connection_limit": 7})

    shown = vault.reveal(resource)
    assert shown["username"] == resource["outputs"]["username"]
    assert set(quota(vault).values()) == {1}
    with psycopg.connect(shown["uri"], autocommit=True) as owner:
        owner.execute("CREATE TABLE item (name text)")
        owner.execute("INSERT INTO item VALUES ('anchor')")
        assert owner.execute("SELECT name FROM item").fetchall() == [("anchor",)]
    name = resource["outputs"]["database"]
    with live_stack.fleet() as fleet:
        assert fleet.execute(LIMITS, [name]).fetchone() == (7, 7)

    resized = vault.finish(vault.update(resource, plan="medium", parameters={"connection_limit": 33}))

    assert resized["status"] == "completed", resized
    with live_stack.fleet() as fleet:
        assert fleet.execute(LIMITS, [name]).fetchone() == (33, 33)
    with psycopg.connect(shown["uri"]) as owner:
        assert owner.execute("SELECT name FROM item").fetchall() == [("anchor",)]

    gone = vault.finish(vault.deprovision(resource))

    assert gone["status"] == "completed", gone
    assert live_stack.fleet_has(name) == (False, False)
    assert vault.get(f"resources/{resource['id']}")["status"] == "deprovisioned"
    assert set(quota(vault).values()) == {0}
    assert "Every quota equals the sum of its ledger" in live_stack.manage("quota_check")


def test_another_team_sees_none_of_it(checkout: Client, outsider: Client) -> None:
    resource = checkout.provision("ledger")
    request = checkout.get("requests", project=checkout.project)["results"][0]
    theirs = [
        ("GET", f"requests/{request['id']}"),
        ("GET", f"runs/{request['run']['id']}"),
        ("GET", f"runs/{request['run']['id']}/log"),
        ("POST", f"runs/{request['run']['id']}/cancel"),
        ("GET", f"resources/{resource['id']}"),
        ("PATCH", f"resources/{resource['id']}"),
        ("DELETE", f"resources/{resource['id']}?confirm=ledger"),
        ("POST", f"resources/{resource['id']}/credentials"),
        ("POST", f"resources/{resource['id']}/credentials/rotate"),
        ("GET", "projects/checkout"),
        ("GET", "projects/checkout/environments/default"),
    ]

    for method, path in theirs:
        assert refusal(outsider, method, path) == refusal(outsider, method, absent(path)), path

    for noun in ("requests", "resources", "runs", "projects", "teams"):
        assert checkout.project not in json.dumps(outsider.get(noun)), noun
    assert outsider.call("GET", "audit-events").status_code == 403
    assert checkout.finish(checkout.deprovision(resource))["status"] == "completed"
