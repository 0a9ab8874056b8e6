"""The journey from the catalog to the last proof, in the order in which it is played."""

import re

from platform_api.embedded.demo import customer, ordering, refusals
from platform_api.embedded.demo.following import request_follow
from platform_api.embedded.demo.stage import PROJECT, Stage
from platform_api.embedded.demo.trail import trail_show

_NOUNS = f"{ordering.ORDERS}|{refusals.REPORTS}[0-9]"
_OURS = re.compile(rf"(?:{_NOUNS})-[0-9a-f]{{6}}")


def journey_play(stage: Stage) -> None:
    """Play every step; return only if everything was seen.

    Raises:
        ExpectationError: Something else was seen.
        ApiSilentError: The API stopped to answer.
    """
    step = stage.display.step
    leftovers_give_back(stage)
    quotas = stage.quotas()
    with step("Look at the catalog"):
        ordering.catalog_show(stage)
    with step("Order a database, and repeat the order"):
        asked = ordering.database_order(stage)
    with step("Watch it being made"):
        request = request_follow(stage, asked, with_log=True)
    with step("Have the credentials revealed, once"):
        database = ordering.credentials_reveal(stage, request)
        ordering.credentials_refused(stage, database)
    with step("Use the database"):
        ordering.database_use(stage, database)
    with step("Resize it from small to medium"):
        ordering.database_resize(stage, database)
    with step("Be refused by the schema"):
        refusals.schema_refuses(stage)
    with step("Be refused by a policy"):
        refusals.policy_refuses(stage)
    with step("Be refused by the quota"):
        accepted = refusals.quota_refuses(stage)
    with step("Read the audit trail"):
        trail_show(stage)
    with step("Give the database back"):
        # A database on the same server sees what became of the first one.
        witness = ordering.credentials_reveal(stage, accepted[0])
        database_give_back(stage, database, witness=witness)
    with step("Give back what used up the quota"):
        for other in accepted:
            ordering.resource_give_back(stage, other["resource"]["id"], other["resource"]["name"])
        stage.see("the quotas are what they were", expected=quotas, came=stage.quotas())


def leftovers_give_back(stage: Stage) -> None:
    """Deprovision what an aborted demo left, and nothing that has another name than a demo gives."""
    rows = stage.api.rows(f"/api/v1/resources?project={PROJECT}")
    left = [row for row in rows if row["status"] != "deprovisioned" and _OURS.fullmatch(row["name"])]
    if left:
        with stage.display.step("Remove what an earlier demo left"):
            for row in left:
                ordering.resource_give_back(stage, row["id"], row["name"])


def database_give_back(stage: Stage, database: ordering.Database, *, witness: ordering.Database) -> None:
    """Deprovision a database, and prove by the server's own word that it and its role are gone."""
    there = customer.neighbors_of(stage, witness.uri, role=database.role, database=database.database)
    stage.see("the server has the role and the database", expected={"roles": 1, "databases": 1}, came=there)
    ordering.resource_give_back(stage, database.id, database.name)
    refusal = customer.refusal_of(database.uri)
    stage.display.say(refusal)
    stage.see("nobody can log in with the old credentials", expected=True, came=bool(refusal))
    gone = customer.neighbors_of(stage, witness.uri, role=database.role, database=database.database)
    stage.see("role and database are gone from the server", expected={"roles": 0, "databases": 0}, came=gone)
