"""What can be ordered, and where it is made, is kept by processes for as long as none of it changes."""

from django.db import migrations

from platform_api.core.migrations import MovesGeneration


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_composed_offerings"), ("tenancy", "0003_generation")]

    operations = [
        MovesGeneration("offering", "catalog"),
        MovesGeneration("offering_version", "catalog"),
        MovesGeneration("plan", "catalog"),
        MovesGeneration("connection", "catalog"),
        MovesGeneration("connection_team", "catalog"),
    ]
