"""What was asked for and made is seen and changed within a scope.

Rows without a project of their own belong where their resource, run or environment does, whose own policy says whether it
is seen.
"""

from django.db import migrations

from platform_api.core.migrations import ScopedRows, belongs_to, belongs_with


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0006_generation"), ("tenancy", "0005_row_scope")]

    operations = [
        ScopedRows("environment", belongs_to("project_id")),
        ScopedRows("resource", belongs_to("project_id")),
        ScopedRows("provisioning_request", belongs_to("project_id")),
        ScopedRows("run", belongs_to("project_id")),
        ScopedRows("component", belongs_with("environment", by="component.environment_id")),
        ScopedRows("component_need", belongs_with("component", by="component_need.component_id", key="resource_id")),
        ScopedRows("credential", belongs_with("resource", by="credential.resource_id")),
        ScopedRows("state_version", belongs_with("resource", by="state_version.resource_id")),
        ScopedRows("plan_file", belongs_with("run", by="plan_file.run_id")),
        ScopedRows("log_line", belongs_with("run", by="log_line.run_id")),
    ]
