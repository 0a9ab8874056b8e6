"""Quotas, their ledger and policy decisions are seen and changed within a scope.

A project's members take from its team's quota, so a scope with a project holds the team's id, too.
"""

from django.db import migrations

from platform_api.core.migrations import ScopedRows, belongs_to, belongs_with


class Migration(migrations.Migration):
    dependencies = [("governance", "0002_policy_decisions"), ("tenancy", "0005_row_scope")]

    operations = [
        ScopedRows("quota", belongs_to("scope_id")),
        ScopedRows("quota_entry", belongs_with("quota", by="quota_entry.quota_id")),
        ScopedRows("policy_decision", belongs_to("project_id")),
    ]
