"""Orders are written with fewer indexes: away go those that another begins with, and those that nothing looks for.

They are named here: Django, told of a field alone, would take along whatever else is on the column.
"""

from django.db import migrations, models

INDEXES = {
    "provisioning_request_offering_version_id_578dc0ad": ("provisioning_request", "offering_version_id"),
    "provisioning_request_plan_id_e7e680eb": ("provisioning_request", "plan_id"),
    "provisioning_request_project_id_524df0d2": ("provisioning_request", "project_id"),
    "provisioning_request_resource_id_db6356e0": ("provisioning_request", "resource_id"),
    "resource_connection_id_f211a910": ("resource", "connection_id"),
    "resource_plan_id_58583d62": ("resource", "plan_id"),
    "resource_project_id_a16a8d96": ("resource", "project_id"),
    "run_offering_version_id_005f4f93": ("run", "offering_version_id"),
    "run_plan_id_b7cadee0": ("run", "plan_id"),
    "run_project_id_af53eb7d": ("run", "project_id"),
    "run_resource_id_e793229e": ("run", "resource_id"),
}


def reference(model: str, name: str, to: str, *, constraint: bool = False, related: str = "+") -> migrations.AlterField:
    key = models.ForeignKey(
        to, on_delete=models.PROTECT, db_constraint=constraint, db_index=False, related_name=related
    )
    return migrations.AlterField(model, name, key)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_deprecated_at"),
        ("tenancy", "0008_row_scope_of_log_in"),
        ("provisioning", "0009_versions"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(f'DROP INDEX "{index}"', f'CREATE INDEX "{index}" ON "{table}" ("{column}")')
                for index, (table, column) in INDEXES.items()
            ],
            state_operations=[
                reference("provisioningrequest", "offering_version", "catalog.offeringversion"),
                reference("provisioningrequest", "plan", "catalog.plan"),
                reference("provisioningrequest", "project", "tenancy.project"),
                reference(
                    "provisioningrequest",
                    "resource",
                    "provisioning.resource",
                    constraint=True,
                    related="provisioning_requests",
                ),
                reference("resource", "connection", "catalog.connection"),
                reference("resource", "plan", "catalog.plan"),
                reference("resource", "project", "tenancy.project", constraint=True, related="resources"),
                reference("run", "offering_version", "catalog.offeringversion"),
                reference("run", "plan", "catalog.plan"),
                reference("run", "project", "tenancy.project"),
                reference("run", "resource", "provisioning.resource", constraint=True, related="runs"),
            ],
        )
    ]
