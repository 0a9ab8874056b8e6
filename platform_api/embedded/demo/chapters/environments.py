"""A preview environment: resources of which one is told something of another, ordered and given back as one."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from platform_api.embedded.demo.customers import postgres, valkey
from platform_api.embedded.demo.following import seen_at_last
from platform_api.embedded.demo.ordering import Ordered, credentials_reveal, resource_path
from platform_api.embedded.demo.stage import PREVIEW_ENVIRONMENT, PROJECT, Stage

PREVIEW = "preview"
_BROKEN = frozenset({"failed", "degraded"})


def environment_order(stage: Stage) -> dict[str, Any]:
    """Order an environment, twice, and see that one came of it; returns it, as the order was answered."""
    path = _path(stage)
    body = _order()
    stage.display.document(body)
    environment: dict[str, Any] = stage.ask("PUT", path, body, status=202).body
    again = stage.ask("PUT", path, body, status=200).body
    stage.see("the repeated order is the same environment", expected=environment["id"], came=again["id"])
    stage.display.say(
        f"environment {environment['id']} expires at {environment['expires_at']} if nobody ends it before"
    )
    return environment


def environment_watch(stage: Stage, asked: dict[str, Any]) -> dict[str, Any]:
    """Show how its components come, and see that each came after those that it needs.

    Returns:
        The environment when all of it is ready.

    Raises:
        ExpectationError: A component fails, or comes too early.
    """
    claim = f"environment {asked['name']} is ready"
    statuses: dict[str, str] = {}

    def look() -> dict[str, Any] | None:
        environment: dict[str, Any] = stage.read(_by_id(asked))
        now = {part["name"]: part["status"] for part in environment["components"]}
        if now != statuses:
            statuses.update(now)
            stage.display.say(", ".join(f"{name} {status}" for name, status in now.items()))
            early = [part["name"] for part in environment["components"] if _is_early(part, now)]
            if early:
                raise stage.failure("no component comes before what it needs", expected="none", came=", ".join(early))
        if environment["status"] in _BROKEN:
            failures = [part["failure"]["detail"] for part in environment["components"] if part["failure"]]
            raise stage.failure(claim, expected="ready", came=f"{environment['status']}: {' '.join(failures)}")
        stage.display.beat(f"environment {environment['status']}")
        return environment if environment["status"] == "ready" else None

    environment = seen_at_last(stage, claim, look)
    stage.display.seen(f"{claim}, and no component came before what it needs")
    stage.see("it tells the outputs of all of them", expected=set(statuses), came=set(environment["outputs"]))
    return environment


def environment_use(stage: Stage, environment: dict[str, Any]) -> tuple[Ordered, Ordered]:
    """See that what flows from one component to another arrived, and work with both on their servers.

    Returns:
        The database and the queue.
    """
    resources = {part["name"]: part["resource"] for part in environment["components"]}
    wired = {
        (part["name"], parameter): tuple(source.split(".outputs."))
        for part in stage.read(f"/api/v1/offerings/{PREVIEW_ENVIRONMENT}")["components"]
        for parameter, source in part["wiring"].items()
        if ".outputs." in source
    }
    stage.see("one component is told something of another", expected=True, came=bool(wired))
    for (name, parameter), (source, output) in wired.items():
        stage.see(
            f"{parameter} of {name} is {output} of {source}",
            expected=environment["outputs"][source][output],
            came=stage.read(resource_path(resources[name]))["parameters"][parameter],
        )
    kinds = {part["kind"]: part["resource"] for part in environment["components"]}
    database = credentials_reveal(stage, kinds["database"])
    queue = credentials_reveal(stage, kinds["queue"])
    came = postgres.logged_in(stage, database.uri).username
    stage.see("its database lets its owner in", expected=database.username, came=came)
    stream = queue.outputs["stream"]
    with valkey.connected(stage, queue.uri) as client:
        groups = [group["name"] for group in client.xinfo_groups(stream)]
    stage.display.say(f"XINFO GROUPS {stream}: {', '.join(groups)}")
    stage.see("its queue has that consumer group", expected=[queue.outputs["consumer_group"]], came=groups)
    return database, queue


def environments_give_back(stage: Stage, environments: Sequence[dict[str, Any]]) -> None:
    """Give environments back, each as one, and see that they are closed with all that was in them."""
    for environment in environments:
        stage.ask("DELETE", f"{_by_id(environment)}?confirm={environment['name']}", status=202)
    for environment in environments:
        name = environment["name"]
        closed = seen_at_last(stage, f"environment {name} is closed", partial(_closed, stage, environment))
        stage.see(
            f"environment {name} is closed, with all that was in it",
            expected={"deprovisioned"},
            came={part["status"] for part in closed["components"]},
        )


def environment_stays_closed(stage: Stage) -> None:
    """See that an order that comes late does not bring the environment back."""
    late = stage.ask("PUT", _path(stage), _order(), status=410)
    stage.see("an order that comes late does not bring it back", expected="environment_closed", came=late.body["code"])


def environments_listed(stage: Stage) -> list[dict[str, Any]]:
    """List the environments of the project that are not closed."""
    return list(stage.api.rows(f"/api/v1/projects/{PROJECT}/environments"))


def _order() -> dict[str, Any]:
    return {
        "offering": PREVIEW_ENVIRONMENT,
        "ttl_seconds": 3600,
        "source": {"pull_request": 142},
        "reason": "Try what pull request 142 does",
    }


def _path(stage: Stage) -> str:
    return f"/api/v1/projects/{PROJECT}/environments/{stage.name(PREVIEW)}"


def _closed(stage: Stage, environment: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] = stage.read(_by_id(environment))
    stage.display.beat(f"environment {found['status']}")
    return found if found["closed_at"] is not None else None


def _by_id(environment: dict[str, Any]) -> str:
    return f"/api/v1/environments/{environment['id']}"


def _is_early(part: dict[str, Any], statuses: dict[str, str]) -> bool:
    return part["status"] == "ready" and any(statuses[need] != "ready" for need in part["needs"])
