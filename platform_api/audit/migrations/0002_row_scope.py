"""Events are read within a scope: those of its projects, of its teams as such, and what its user did.

Everybody may append: what is refused to somebody concerns a team that is not theirs.
"""

from django.db import migrations

from platform_api.core.migrations import ScopedRows, belongs_to_any

BELONGS = belongs_to_any(
    "project_id = ANY {ids}", "(project_id IS NULL AND team_id = ANY {ids})", "actor_id = ANY {ids}"
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("tenancy", "0005_row_scope")]

    operations = [ScopedRows("audit_event", BELONGS, may_append=True)]
