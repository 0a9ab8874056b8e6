"""A database: ordered twice with one key, used, given another password, resized, and gone in the end."""

from typing import Any

from platform_api.embedded.demo.customers import postgres
from platform_api.embedded.demo.following import request_follow
from platform_api.embedded.demo.ordering import (
    Ordered,
    credentials_refused,
    credentials_reveal,
    resource_order,
    resource_path,
    resources_named,
)
from platform_api.embedded.demo.stage import OFFERING, REQUESTS, Stage

ORDERS = "orders"


def database_order(stage: Stage) -> dict[str, Any]:
    """Order a database, twice with one Idempotency-Key, and see that one request came of it.

    Returns:
        The request, as its submission was answered.
    """
    name = stage.name(ORDERS)
    before = stage.points()
    body = {
        "offering": OFFERING,
        "plan": "small",
        "name": name,
        "reason": "Own store for the orders service",
        "ticket": "SHOP-142",
    }
    key = f"order-{name}"
    answer = resource_order(stage, body, key=key)
    request: dict[str, Any] = answer.body
    stage.remember(answer)
    stage.display.say(f"request {request['id']} is {request['status']}; its run is {request['run']['id']}")
    stage.see(
        "the answer says where to watch it", expected=f"{REQUESTS}/{request['id']}", came=answer.headers.get("location")
    )
    stage.display.say("the same once more, as after a lost answer:")
    again = resource_order(stage, body, key=key, is_repetition=True)
    stage.see("the repeated order is the same request", expected=request["id"], came=again.body["id"])
    stage.see("and says that it is a repetition", expected="true", came=again.headers.get("idempotency-replayed"))
    stage.see("there is one resource of that name", expected=1, came=len(resources_named(stage, name)))
    stage.see("one point of the quota is taken, once", expected=before + 1, came=stage.points())
    return request


def database_reveal(stage: Stage, request: dict[str, Any]) -> Ordered:
    """Have the credentials of the new database revealed, and see that a second look is refused."""
    database = credentials_reveal(stage, request["resource"]["id"])
    credentials_refused(stage, database)
    return database


def database_use(stage: Stage, database: Ordered) -> None:
    """Work with the database as its owner."""
    log_in = postgres.logged_in(stage, database.uri)
    stage.display.say(f"logged in to {log_in.database} as {log_in.username}")
    stage.see("the new role may log in to the new database", expected=database.username, came=log_in.username)
    stage.see("it may hold as many connections as plan small says", expected=20, came=log_in.connection_limit)
    postgres.notes_write(stage, database.uri)
    stage.see("what it wrote it reads", expected=postgres.NOTES, came=postgres.notes_read(stage, database.uri))


def database_rotate(stage: Stage, database: Ordered) -> Ordered:
    """Give the database another password, and see that it is the only one that logs in.

    Returns:
        The database with its new password.
    """
    path = resource_path(database.id)
    body = {"reason": "The password stood in a chat"}
    stage.display.document(body)
    answer = stage.ask("POST", f"{path}/credentials/rotate", body, status=202)
    stage.remember(answer)
    request_follow(stage, answer.body)
    rotated = credentials_reveal(stage, database.id)
    credentials_refused(stage, rotated)
    stage.see(
        "the new password logs in, and the data is still there",
        expected=postgres.NOTES,
        came=postgres.notes_read(stage, rotated.uri),
    )
    stage.see("the former password is refused", expected=True, came=_is_shut_out(stage, database.uri))
    told = stage.read(path)["credentials"]
    numbers = {"in use": told["number"], "replaced": [former["number"] for former in told["replaced"]]}
    stage.see("number 2 is in use, number 1 is replaced", expected={"in use": 2, "replaced": [1]}, came=numbers)
    return rotated


def database_resize(stage: Stage, database: Ordered) -> None:
    """Change the plan, and see that the data stayed and the limit is the new one."""
    before = stage.points()
    body = {"plan": "medium", "reason": "More traffic before the holidays"}
    stage.display.document(body)
    seen = stage.ask("GET", resource_path(database.id), status=200).headers.get("etag")
    answer = stage.ask("PATCH", resource_path(database.id), body, status=202, seen=seen)
    stage.remember(answer)
    request = request_follow(stage, answer.body)
    plan = stage.read(request["run"]["url"])["plan"]
    counts = {action: plan[action] for action in ("add", "replace", "destroy")}
    stage.see("nothing was made anew", expected={"add": 0, "replace": 0, "destroy": 0}, came=counts)
    stage.see("the data is still there", expected=postgres.NOTES, came=postgres.notes_read(stage, database.uri))
    limit = postgres.logged_in(stage, database.uri).connection_limit
    stage.see("and the role may hold 60 connections instead of 20", expected=60, came=limit)
    stage.see("plan medium takes two points more", expected=before + 2, came=stage.points())


def database_there(stage: Stage, database: Ordered, *, witness: Ordered) -> None:
    """See that the server has the role and the database, by the word of another customer of the same server."""
    there = _traces(stage, database, witness=witness)
    stage.see("the server has the role and the database", expected={"roles": 1, "databases": 1}, came=there)


def database_gone(stage: Stage, database: Ordered, *, witness: Ordered) -> None:
    """See that the server has neither any more."""
    stage.see(
        "nobody can log in to the database with the old credentials",
        expected=True,
        came=_is_shut_out(stage, database.uri),
    )
    gone = _traces(stage, database, witness=witness)
    stage.see("role and database are gone from the server", expected={"roles": 0, "databases": 0}, came=gone)


def _is_shut_out(stage: Stage, uri: str) -> bool:
    refusal = postgres.refusal_of(uri)
    stage.display.say(refusal)
    return "password authentication failed" in refusal


def _traces(stage: Stage, database: Ordered, *, witness: Ordered) -> dict[str, int]:
    name = database.outputs["database"]
    return postgres.neighbors_of(stage, witness.uri, role=database.username, database=name)
