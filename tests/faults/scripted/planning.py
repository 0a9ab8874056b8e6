"""What the scripted Terraform would do: the objects that the variables ask for, against state and cloud."""

from typing import Any

from tests.faults.scripted.cloud import Cloud
from tests.faults.scripted.files import VERSION, State

Json = dict[str, Any]
ROLE, DATABASE, GRANT = "fleet_postgres_role.this", "fleet_postgres_database.this", "fleet_postgres_grant.this"
ORDER = (ROLE, DATABASE, GRANT)
_PLACE = {"host": "127.0.0.1", "port": 5432}


def wanted(variables: Json) -> dict[str, Json]:
    """Return the objects of the module ``postgres-database`` for these variables."""
    name, mark, limit = variables["name"], variables["managed_by"], variables["connection_limit"]
    return {
        ROLE: {
            "name": name,
            "managed_by": mark,
            "password_verifier": variables["password_verifier"],
            "connection_limit": limit,
            "statement_timeout_seconds": variables["statement_timeout_seconds"],
        },
        DATABASE: {"name": name, "owner": name, "managed_by": mark, "connection_limit": limit, **_PLACE},
        GRANT: {"name": name, "database": name, "role": name, "managed_by": mark, "privileges": ["CONNECT", "CREATE"]},
    }


def outputs_of(objects: dict[str, Json]) -> Json:
    """Return the module's outputs as a state keeps them; none before all objects are there."""
    if len(objects) < len(ORDER):
        return {}
    database = objects[DATABASE]
    values = {"host": database["host"], "port": database["port"], "database": database["name"]}
    values["username"] = objects[ROLE]["name"]
    return {
        name: {"value": value, "type": "number" if isinstance(value, int) else "string"}
        for name, value in values.items()
    }


class NotThereError(Exception):
    """What is to be taken over does not exist."""


def plan_make(state: State, cloud: Cloud, variables: Json, *, mode: str, imports: dict[str, str]) -> Json:
    """Plan: look up what the state names and what is to be taken over, then compare with what is wanted.

    Args:
        state: As the folder has it; what is gone from the cloud is left out of the plan's prior state.
        cloud: What there is.
        variables: Of the run.
        mode: ``normal``, ``destroy`` or ``refresh-only``.
        imports: Names of objects that the state lacks, by address.

    Raises:
        NotThereError: An object that is to be taken over does not exist.
    """
    there: dict[str, Json] = {}
    drift = []
    for address, name in imports.items():
        found = cloud.find(kind_of(address), name)
        if found is None:
            raise NotThereError(address)
        there[address] = found["attributes"]
    for address, known in state.objects.items():
        found = cloud.find(kind_of(address), known["name"])
        if found is None or found["mark"] != known["managed_by"]:
            drift.append(_change(address, ["delete"], known, None))
            continue
        there[address] = found["attributes"]
        if found["attributes"] != known:
            drift.append(_change(address, ["update"], known, found["attributes"]))
    target = {"normal": wanted(variables), "destroy": {}, "refresh-only": there}[mode]
    changes = []
    for address in ORDER if mode != "destroy" else reversed(ORDER):
        before, after = there.get(address), target.get(address)
        if before is None and after is None:
            continue
        if before is None:
            actions = ["create"]
        elif after is None:
            actions = ["delete"]
        else:
            actions = ["no-op"] if before == after else ["update"]
        changes.append(_change(address, actions, before, after))
    has_work = any(change["change"]["actions"] != ["no-op"] for change in changes)
    outputs = _output_changes(state.outputs, outputs_of(target))
    return {
        "format_version": "1.2",
        "terraform_version": VERSION,
        "variables": {name: {"value": value} for name, value in variables.items()},
        "resource_changes": changes,
        "resource_drift": drift,
        "output_changes": outputs,
        "applyable": has_work
        or bool(imports)
        or (mode == "refresh-only" and bool(drift))
        or any(each["actions"] != ["no-op"] for each in outputs.values()),
        "complete": True,
        "errored": False,
        "configuration": {"root_module": {"variables": {"password_verifier": {"sensitive": True}}}},
        "scripted": {"mode": mode, "serial": state.serial, "lineage": state.lineage, "prior": there},
    }


def kind_of(address: str) -> str:
    """Return an object's kind."""
    return address.split(".", maxsplit=1)[0]


def action_of(change: Json) -> str:
    """Return the one action of a change."""
    action: str = change["change"]["actions"][0]
    return action


def _change(address: str, actions: list[str], before: Json | None, after: Json | None) -> Json:
    kind, name = address.split(".")
    hidden = {"password_verifier": True} if address == ROLE else {}
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider_name": "provider.slipway.internal/slipway/fleet",
        "change": {
            "actions": actions,
            "before": before,
            "after": after,
            "after_unknown": {},
            "before_sensitive": hidden if before else False,
            "after_sensitive": hidden if after else False,
        },
    }


def _output_changes(before: Json, after: Json) -> Json:
    changes: Json = {}
    for name in sorted({*before, *after}):
        old, new = before.get(name, {}).get("value"), after.get(name, {}).get("value")
        action = "no-op" if old == new else "create" if old is None else "delete" if new is None else "update"
        changes[name] = {"actions": [action], "before": old, "after": new, "after_unknown": False}
    return changes
