"""What holds against everyone: lifecycles that one trigger reads from rows, final rows that never change, and rights.

The moves stand here as frozen data; a test compares them with ``provisioning/states.py``.
"""

from django.db import migrations

from platform_api.core.migrations import Grant, GrantSequence

MOVES = {
    "run": {
        "": ["pending"],
        "pending": ["planning", "superseded", "canceled", "errored"],
        "planning": ["planned", "planned_and_finished", "pending", "errored", "canceled"],
        "planned": ["confirmed", "discarded", "superseded", "canceled", "errored"],
        "confirmed": ["applying", "superseded", "canceled", "errored"],
        "applying": ["applied", "recovering", "errored"],
        "recovering": ["recovering", "planning", "errored", "canceled"],
    },
    "provisioning_request": {
        "": ["fulfilling"],
        "fulfilling": ["pending_approval", "completed", "failed", "canceled"],
        "pending_approval": ["fulfilling", "rejected", "canceled", "expired"],
    },
    "resource": {
        "": ["pending"],
        "pending": ["ready", "degraded", "deprovisioned"],
        "ready": ["degraded", "deprovisioned"],
        "degraded": ["ready", "deprovisioned"],
    },
}

ROWS = ", ".join(
    f"('{machine}', '{source}', '{target}')"
    for machine, moves in MOVES.items()
    for source, targets in moves.items()
    for target in targets
)

GUARD = """
CREATE FUNCTION lifecycle_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    came_from text := CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.status END;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '% is history: a row is never deleted', TG_TABLE_NAME USING ERRCODE = 'SW002';
    END IF;
    IF TG_OP = 'UPDATE' AND NOT EXISTS (
        SELECT FROM lifecycle_move WHERE machine = TG_TABLE_NAME AND source = came_from
    ) THEN
        RAISE EXCEPTION '% is final as %: it never changes', TG_TABLE_NAME, came_from USING ERRCODE = 'SW002';
    END IF;
    IF NEW.status IS DISTINCT FROM came_from AND NOT EXISTS (
        SELECT FROM lifecycle_move WHERE machine = TG_TABLE_NAME AND source = came_from AND target = NEW.status
    ) THEN
        RAISE EXCEPTION '% cannot go from % to %', TG_TABLE_NAME, coalesce(nullif(came_from, ''), 'nothing'), NEW.status
            USING ERRCODE = 'SW002';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION lifecycle_no_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: it is never emptied', TG_TABLE_NAME USING ERRCODE = 'SW002';
END $$;
"""


def triggers(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_lifecycle BEFORE INSERT OR UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION lifecycle_guard();"
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION lifecycle_no_truncate();"
    )


def no_triggers(table: str) -> str:
    return f"DROP TRIGGER {table}_lifecycle ON {table}; DROP TRIGGER {table}_no_truncate ON {table};"


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0001_initial")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE run_epoch_seq", "DROP SEQUENCE run_epoch_seq"),
        migrations.RunSQL(
            f"INSERT INTO lifecycle_move (machine, source, target) VALUES {ROWS}",  # noqa: S608 - words of this file
            "DELETE FROM lifecycle_move",
        ),
        migrations.RunSQL(
            GUARD + "".join(triggers(machine) for machine in MOVES),
            "".join(no_triggers(machine) for machine in MOVES)
            + "DROP FUNCTION lifecycle_guard(); DROP FUNCTION lifecycle_no_truncate();",
        ),
        GrantSequence("run_epoch_seq"),
        Grant("lifecycle_move", "SELECT"),
        Grant("environment", "SELECT, INSERT, UPDATE"),
        Grant("resource", "SELECT, INSERT, UPDATE"),
        Grant("provisioning_request", "SELECT, INSERT, UPDATE"),
        Grant("run", "SELECT, INSERT, UPDATE"),
        Grant("plan_file", "SELECT, INSERT, UPDATE"),
        Grant("state_version", "SELECT, INSERT"),
        Grant("log_line", "SELECT, INSERT"),
    ]
