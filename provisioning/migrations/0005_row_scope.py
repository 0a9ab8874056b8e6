"""What was asked for and made is seen and changed within a scope.

Rows without a project of their own belong where their resource, run or environment does, whose own policy says whether it
is seen.
"""

from django.db import migrations

from platform_api.core.migrations import ScopedRows

OF_PROJECT = "project_id = ANY {ids}"


def of(parent: str, table: str, column: str, key: str = "id") -> ScopedRows:
    return ScopedRows(table, f"EXISTS (SELECT FROM {parent} WHERE {parent}.{key} = {table}.{column})")


class Migration(migrations.Migration):
    dependencies = [("provisioning", "0004_composed_environments"), ("tenancy", "0003_row_scope")]

    operations = [
        ScopedRows("environment", OF_PROJECT),
        ScopedRows("resource", OF_PROJECT),
        ScopedRows("provisioning_request", OF_PROJECT),
        ScopedRows("run", OF_PROJECT),
        of("environment", "component", "environment_id"),
        of("component", "component_need", "component_id", key="resource_id"),
        of("resource", "credential", "resource_id"),
        of("resource", "state_version", "resource_id"),
        of("run", "plan_file", "run_id"),
        of("run", "log_line", "run_id"),
    ]
