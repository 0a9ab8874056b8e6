"""Who waits for something to end hears of it from the transaction that ends it; rows carry the trace that made them.

The payload is the id of what ended, or may have: a request, its environment, a run. PostgreSQL says the same once in a
transaction, however often it was said in it.
"""

from django.db import migrations, models

NOTICES = """
CREATE FUNCTION final_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('finals', NEW.id::text);
    IF TG_TABLE_NAME = 'provisioning_request' THEN
        PERFORM pg_notify('finals', NEW.environment_id::text);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER provisioning_request_is_final AFTER UPDATE OF status ON provisioning_request
    FOR EACH ROW WHEN (NEW.status IN ('completed', 'failed', 'rejected', 'canceled', 'expired'))
    EXECUTE FUNCTION final_notify();
CREATE TRIGGER run_is_final AFTER UPDATE OF status ON run
    FOR EACH ROW WHEN (NEW.status IN
        ('planned_and_finished', 'applied', 'errored', 'discarded', 'canceled', 'superseded'))
    EXECUTE FUNCTION final_notify();
CREATE TRIGGER environment_is_final AFTER UPDATE OF closed_at ON environment
    FOR EACH ROW WHEN (NEW.closed_at IS NOT NULL)
    EXECUTE FUNCTION final_notify();
"""


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0004_composed_environments")]

    operations = [
        migrations.AddField(
            "provisioningrequest", "traceparent", models.CharField(db_default="", default="", max_length=55)
        ),
        migrations.AddField("run", "traceparent", models.CharField(db_default="", default="", max_length=55)),
        migrations.RunSQL(NOTICES, "DROP FUNCTION final_notify() CASCADE"),
    ]
