"""Where things are ordered is kept by processes for as long as no environment changes; a new one was kept by nobody."""

from django.db import migrations

from platform_api.core.migrations import MovesGeneration


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0005_waiting_and_traces"), ("tenancy", "0003_generation")]

    operations = [MovesGeneration("environment", "environments", with_new_rows=False)]
