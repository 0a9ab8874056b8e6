"""Triggers of the kit's own in the stage's database: what changed, when, and which process wrote it.

They decide nothing and refuse nothing: the product's own guards are what is on trial. Audit events alone could not tell
of a write that nobody recorded.
"""

import psycopg

INSTALL = r"""
CREATE TABLE kit_run (
    number bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), run_id uuid NOT NULL,
    resource_id uuid NOT NULL, old_status text, new_status text NOT NULL, old_epoch bigint, new_epoch bigint,
    old_owner text, new_owner text, was_leased boolean NOT NULL, writer text NOT NULL
);
CREATE TABLE kit_fault (
    number bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), invariant text NOT NULL,
    run_id uuid, resource_id uuid, told text NOT NULL
);

CREATE FUNCTION kit_writer() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('application_name') $$;

-- The process that an owner's name tells of is not the one that writes: it holds no right to.
CREATE FUNCTION kit_is_stranger(owner text) RETURNS boolean LANGUAGE sql AS $$
    SELECT owner IS NOT NULL AND kit_writer() LIKE 'worker%'
        AND split_part(owner, ':', 2) <> split_part(kit_writer(), ':', 2)
$$;

CREATE FUNCTION kit_fault_note(invariant text, run_id uuid, resource_id uuid, told text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO kit_fault (invariant, run_id, resource_id, told) VALUES (invariant, run_id, resource_id, told)
$$;

CREATE FUNCTION kit_run_watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    was_leased boolean := TG_OP = 'UPDATE' AND OLD.lease_owner IS NOT NULL AND OLD.lease_until >= clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kit_run (run_id, resource_id, new_status, was_leased, writer)
        VALUES (NEW.id, NEW.resource_id, NEW.status, false, kit_writer());
        RETURN NULL;
    END IF;
    IF OLD.status IN ('applied', 'planned_and_finished', 'errored', 'discarded', 'canceled', 'superseded') THEN
        PERFORM kit_fault_note('I9', OLD.id, OLD.resource_id, format('%s changed %s', kit_writer(), OLD.status));
    END IF;
    IF NEW.epoch IS DISTINCT FROM OLD.epoch AND was_leased THEN
        PERFORM kit_fault_note('I2', OLD.id, OLD.resource_id,
            format('%s took epoch %s while %s held %s', kit_writer(), NEW.epoch, OLD.lease_owner, OLD.epoch));
    END IF;
    IF NEW.epoch < OLD.epoch THEN
        PERFORM kit_fault_note('I2', OLD.id, OLD.resource_id, format('epoch %s after %s', NEW.epoch, OLD.epoch));
    END IF;
    IF NEW.epoch IS NOT DISTINCT FROM OLD.epoch AND kit_writer() LIKE 'worker%'
        AND (kit_is_stranger(OLD.lease_owner) OR OLD.lease_owner IS NULL) THEN
        PERFORM kit_fault_note('I5', OLD.id, OLD.resource_id,
            format('%s wrote %s→%s under epoch %s of %s', kit_writer(), OLD.status, NEW.status, OLD.epoch,
                coalesce(OLD.lease_owner, 'nobody')));
    END IF;
    IF NEW.status <> OLD.status OR NEW.epoch IS DISTINCT FROM OLD.epoch
        OR (NEW.lease_owner IS NULL AND OLD.lease_owner IS NOT NULL) THEN -- taken away, to go on as it was
        INSERT INTO kit_run (run_id, resource_id, old_status, new_status, old_epoch, new_epoch, old_owner, new_owner,
            was_leased, writer)
        VALUES (NEW.id, NEW.resource_id, OLD.status, NEW.status, OLD.epoch, NEW.epoch, OLD.lease_owner, NEW.lease_owner,
            was_leased, kit_writer());
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION kit_state_watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    held run%ROWTYPE;
BEGIN
    SELECT * INTO held FROM run WHERE id = NEW.run_id;
    IF held.epoch IS DISTINCT FROM NEW.epoch OR kit_is_stranger(held.lease_owner) OR held.lease_owner IS NULL THEN
        PERFORM kit_fault_note('I5', NEW.run_id, NEW.resource_id,
            format('%s kept a state under epoch %s, the newest is %s of %s', kit_writer(), NEW.epoch, held.epoch,
                coalesce(held.lease_owner, 'nobody')));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION kit_line_watch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO kit_fault (invariant, run_id, told)
    SELECT DISTINCT 'I5', fresh.run_id, format('%s wrote log lines of %s', kit_writer(), run.lease_owner)
    FROM fresh JOIN run ON run.id = fresh.run_id WHERE kit_is_stranger(run.lease_owner);
    RETURN NULL;
END $$;

CREATE TRIGGER kit_run AFTER INSERT OR UPDATE ON run FOR EACH ROW EXECUTE FUNCTION kit_run_watch();
CREATE TRIGGER kit_state AFTER INSERT ON state_version FOR EACH ROW EXECUTE FUNCTION kit_state_watch();
CREATE TRIGGER kit_line AFTER INSERT ON log_line REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION kit_line_watch();
"""


def install(control: psycopg.Connection[tuple[object, ...]]) -> None:
    """Put the triggers in, as the owner of the tables."""
    control.execute(INSTALL.encode())
