"""The journey from the catalog to the last proof, in the order in which it is played."""

import re

from platform_api.embedded.demo.chapters import caches, databases, environments, queues, refusals, walls
from platform_api.embedded.demo.chapters.catalog import catalog_show
from platform_api.embedded.demo.chapters.trail import trail_show
from platform_api.embedded.demo.following import request_follow, requests_follow
from platform_api.embedded.demo.ordering import Ordered, credentials_reveal, resources_give_back
from platform_api.embedded.demo.stage import PROJECT, Stage

_NOUNS = f"{databases.ORDERS}|{queues.JOBS}|{caches.PAGES}|{refusals.REPORTS}[0-9]|{environments.PREVIEW}"
_OURS = re.compile(rf"(?:{_NOUNS})-[0-9a-f]{{6}}")


def journey_play(stage: Stage) -> str:
    """Play every step; return only if everything was seen.

    Returns:
        Where the admin site tells the story of the first order.

    Raises:
        ExpectationError: Something else was seen.
        ApiSilentError: The API stopped to answer.
    """
    step = stage.display.step
    leftovers_give_back(stage)
    quotas = stage.quotas()
    with step("Look at the catalog"):
        catalog_show(stage)
    with step("Order a database, and repeat the order"):
        asked = databases.database_order(stage)
    with step("Order a queue and a cache beside it"):
        points = stage.points()
        beside = queues.queue_order(stage), caches.cache_order(stage)
        stage.see("each takes one point of the quota", expected=points + 2, came=stage.points())
    with step("Watch the database being made, and see the others come"):
        request = request_follow(stage, asked)
        requests_follow(stage, *beside)
    with step("Have the credentials of the database revealed, once"):
        database = databases.database_reveal(stage, request)
    with step("Use the database"):
        databases.database_use(stage, database)
    with step("Use the queue"):
        queue = credentials_reveal(stage, beside[0]["resource"]["id"])
        queues.queue_use(stage, queue)
    with step("Use the cache"):
        cache = credentials_reveal(stage, beside[1]["resource"]["id"])
        caches.cache_use(stage, cache)
    with step("Be refused what belongs to others, and what rules the server"):
        walls.walls_see(stage, queue=queue, cache=cache)
    with step("Rotate the password of the database"):
        database = databases.database_rotate(stage, database)
    with step("Resize it from small to medium"):
        databases.database_resize(stage, database)
    preview_play(stage, witness=database)
    with step("Be refused by the schema"):
        refusals.schema_refuses(stage)
    with step("Be refused by a policy"):
        refusals.policy_refuses(stage)
    with step("Be refused by the quota"):
        accepted = refusals.quota_refuses(stage)
    with step("Read the audit trail"):
        trail_show(stage, request)
    with step("Give database, queue and cache back"):
        # A database on the same server sees what became of the first one.
        witness = credentials_reveal(stage, accepted[0]["resource"]["id"])
        databases.database_there(stage, database, witness=witness)
        walls.users_there(stage, queue, cache)
        resources_give_back(stage, [(ordered.id, ordered.name) for ordered in (database, queue, cache)])
        databases.database_gone(stage, database, witness=witness)
        walls.users_gone(stage, queue, cache)
    with step("Give back what used up the quota"):
        resources_give_back(stage, [(other["resource"]["id"], other["resource"]["name"]) for other in accepted])
        stage.see("the quotas are what they were", expected=quotas, came=stage.quotas())
    return stage.story_url(request["id"])


def preview_play(stage: Stage, *, witness: Ordered) -> None:
    """Order an environment, see what is in it, and give it back as one.

    Args:
        stage: Where the demo plays.
        witness: A database on the same server, which sees what becomes of that of the environment.

    Raises:
        ExpectationError: Something else was seen.
    """
    step = stage.display.step
    with step("Order a preview environment, which is two resources"):
        preview = environments.environment_watch(stage, environments.environment_order(stage))
    with step("Use what is in it, and see what the one was told of the other"):
        database, queue = environments.environment_use(stage, preview)
    with step("Give the preview environment back as one"):
        databases.database_there(stage, database, witness=witness)
        walls.users_there(stage, queue)
        environments.environments_give_back(stage, [preview])
        environments.environment_stays_closed(stage)
        databases.database_gone(stage, database, witness=witness)
        walls.users_gone(stage, queue)


def leftovers_give_back(stage: Stage) -> None:
    """Give back what an aborted demo left, and nothing that has another name than a demo gives."""
    previews = [row for row in environments.environments_listed(stage) if _OURS.fullmatch(row["name"])]
    rows = stage.api.rows(f"/api/v1/resources?project={PROJECT}")
    left = [row for row in rows if row["status"] != "deprovisioned" and _OURS.fullmatch(row["name"])]
    if previews or left:
        with stage.display.step("Remove what an earlier demo left"):
            environments.environments_give_back(stage, previews)
            resources_give_back(stage, [(row["id"], row["name"]) for row in left])
