"""Nobody changes a request, so nobody compares versions of it; its tag is of what is shown."""

from django.db import migrations

TRIGGER = """
CREATE TRIGGER provisioning_request_version BEFORE UPDATE ON provisioning_request
    FOR EACH ROW EXECUTE FUNCTION row_version_count()
"""


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0010_fewer_indexes")]

    operations = [
        migrations.RunSQL("DROP TRIGGER provisioning_request_version ON provisioning_request", TRIGGER),
        migrations.RemoveField("provisioningrequest", "version"),
    ]
