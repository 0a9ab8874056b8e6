"""Look at the catalog, order, get the credentials, resize, give back."""

from dataclasses import dataclass
from typing import Any

from platform_api.embedded.demo import customer
from platform_api.embedded.demo.display import secret_hint
from platform_api.embedded.demo.following import request_follow
from platform_api.embedded.demo.stage import OFFERING, PROJECT, REQUESTS, Stage

ORDERS = "orders"


@dataclass(frozen=True, kw_only=True)
class Database:
    """A resource that the demo ordered, with what was revealed of it."""

    id: str
    name: str
    role: str
    database: str
    # Holds the password.
    uri: str


def catalog_show(stage: Stage) -> None:
    """Show what can be ordered."""
    answer = stage.ask("GET", "/api/v1/offerings", status=200)
    for offering in answer.body["results"]:
        stage.display.say(f"{offering['slug']} {offering['version']}  {offering['title']}: {offering['description']}")
        stage.display.table([("  PLAN", "A MONTH", "POINTS", "FOR"), *map(_plan_row, offering["plans"])])
    plans = {row["slug"]: [plan["slug"] for plan in row["plans"]] for row in answer.body["results"]}
    stage.see(
        f"{OFFERING} can be ordered in three plans",
        expected=["small", "medium", "large"],
        came=plans.get(OFFERING),
    )


def database_order(stage: Stage) -> dict[str, Any]:
    """Order a database, twice with one Idempotency-Key, and show that one request came of it.

    Returns:
        The request, as its submission was answered.
    """
    name = stage.name(ORDERS)
    before = stage.points()
    body = {
        "operation": "provision",
        "offering": OFFERING,
        "plan": "small",
        "project": PROJECT,
        "name": name,
        "reason": "Own store for the orders service",
        "ticket": "SHOP-142",
    }
    stage.display.document(body)
    answer = stage.ask("POST", REQUESTS, body, status=202, key=f"order-{name}")
    request: dict[str, Any] = answer.body
    stage.exchanges.append(answer.correlation_id)
    stage.display.say(f"request {request['id']} is {request['status']}; its run is {request['run']['id']}")
    stage.see(
        "the answer says where to watch it", expected=f"{REQUESTS}/{request['id']}", came=answer.headers.get("location")
    )
    again = stage.ask("POST", REQUESTS, body, status=202, key=f"order-{name}")
    stage.see("the repeated order is the same request", expected=request["id"], came=again.body["id"])
    stage.see("and says that it is a repetition", expected="true", came=again.headers.get("idempotency-replayed"))
    stage.see("there is one resource of that name", expected=1, came=len(resources_named(stage, name)))
    stage.see("one point of the quota is taken, once", expected=before + 1, came=stage.points())
    return request


def credentials_reveal(stage: Stage, request: dict[str, Any]) -> Database:
    """Have the credentials of what a request made revealed; the password is shown by its beginning only."""
    resource = stage.read(request["resource"]["url"])
    stage.see(f"{resource['name']} is ready", expected="ready", came=resource["status"])
    answer = stage.ask("POST", resource["credentials"]["url"], status=201)
    stage.exchanges.append(answer.correlation_id)
    shown = answer.body
    stage.display.conceal(shown["password"])
    stage.display.table([("username", shown["username"]), ("password", secret_hint(shown["password"]))])
    stage.display.say(f"uri       {shown['uri']}")
    stage.see("no cache may keep it", expected="no-store", came=answer.headers.get("cache-control"))
    return Database(
        id=resource["id"],
        name=resource["name"],
        role=shown["username"],
        database=resource["outputs"]["database"],
        uri=shown["uri"],
    )


def credentials_refused(stage: Stage, database: Database) -> None:
    """Show that a second look is refused."""
    answer = stage.ask("POST", f"/api/v1/resources/{database.id}/credentials", status=410)
    stage.exchanges.append(answer.correlation_id)
    stage.display.document(answer.body)
    stage.see(
        "nobody is shown the credentials a second time",
        expected="credentials_already_revealed",
        came=answer.body["code"],
    )


def database_use(stage: Stage, database: Database) -> None:
    """Work with the database as its owner."""
    log_in = customer.logged_in(stage, database.uri)
    stage.display.say(f"logged in to {log_in.database} as {log_in.username}")
    stage.see("the new role may log in to the new database", expected=database.role, came=log_in.username)
    stage.see("it may hold as many connections as plan small says", expected=20, came=log_in.connection_limit)
    customer.notes_write(stage, database.uri)
    stage.see("what it wrote it reads", expected=customer.NOTES, came=customer.notes_read(stage, database.uri))


def database_resize(stage: Stage, database: Database) -> None:
    """Change the plan, and show that the data stayed and the limit is the new one."""
    before = stage.points()
    body = {"plan": "medium", "reason": "More traffic before the holidays"}
    stage.display.document(body)
    answer = stage.ask("PATCH", f"/api/v1/resources/{database.id}", body, status=202)
    stage.exchanges.append(answer.correlation_id)
    request = request_follow(stage, answer.body, with_log=True)
    plan = stage.read(request["run"]["url"])["plan"]
    counts = {action: plan[action] for action in ("add", "replace", "destroy")}
    stage.see("nothing was made anew", expected={"add": 0, "replace": 0, "destroy": 0}, came=counts)
    stage.see("the data is still there", expected=customer.NOTES, came=customer.notes_read(stage, database.uri))
    limit = customer.logged_in(stage, database.uri).connection_limit
    stage.see("and the role may hold 60 connections instead of 20", expected=60, came=limit)
    stage.see("plan medium takes two points more", expected=before + 2, came=stage.points())


def resource_give_back(stage: Stage, resource_id: str, name: str) -> None:
    """Deprovision a resource, and show that the API says so."""
    answer = stage.ask("DELETE", f"/api/v1/resources/{resource_id}?confirm={name}", status=202)
    request_follow(stage, answer.body)
    resource = stage.read(f"/api/v1/resources/{resource_id}")
    stage.see(f"{name} is deprovisioned", expected="deprovisioned", came=resource["status"])


def resources_named(stage: Stage, name: str) -> list[dict[str, Any]]:
    """List the resources of the project with this name."""
    return list(stage.api.rows(f"/api/v1/resources?project={PROJECT}&name={name}"))


def _plan_row(plan: dict[str, Any]) -> tuple[str, str, str, str]:
    monthly = plan["cost"]["monthly"]
    return (f"  {plan['slug']}", f"{monthly['amount']} {monthly['currency']}", str(plan["points"]), plan["description"])
