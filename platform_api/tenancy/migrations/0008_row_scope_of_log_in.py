"""What people prove who they are with, and which CI jobs are trusted, is nobody's but theirs, and the platform's.

Steps of a log-in and the exchange of a job's token come to these rows on the platform's account.
"""

from django.db import migrations

from platform_api.core.migrations import ScopedRows, belongs_to, belongs_with


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0007_trust_rules")]

    operations = [
        ScopedRows("second_factor", belongs_to("user_id")),
        ScopedRows("recovery_code", belongs_with("second_factor", by="recovery_code.second_factor_id")),
        ScopedRows("sign_on", belongs_to("user_id")),
        ScopedRows("trust_rule", belongs_to("user_id")),
    ]
