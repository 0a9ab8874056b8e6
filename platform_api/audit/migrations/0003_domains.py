"""The rule of outcomes is part of their column's type, where it costs an event less than a CHECK of the table."""

from django.db import migrations

from platform_api.core.domains import TextInDomain
from platform_api.core.migrations import CreateDomain, IntoDomain, is_one_of

OUTCOMES = [("succeeded", "Succeeded"), ("refused", "Refused"), ("failed", "Failed")]


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_row_scope")]

    operations = [
        CreateDomain("audit_outcome", "varchar(16)", is_one_of(*dict(OUTCOMES))),
        migrations.RemoveConstraint("auditevent", "audit_event_outcome_is_known"),
        IntoDomain(
            "auditevent",
            "outcome",
            TextInDomain(domain="audit_outcome", choices=OUTCOMES, max_length=16),
            was="varchar(16)",
        ),
    ]
