"""Taking of a quota costs an order less: rules of columns are part of their types, and entries are a history like any.

An entry's quota is no foreign key any more: a row of ``quota`` is never deleted, the service has no right to, and each
entry was seen to cost as much for the look at its quota as for its row.
"""

import django.db.models.deletion
from django.db import migrations, models

from platform_api.core.domains import NumberInDomain, TextInDomain
from platform_api.core.migrations import (
    CreateDomain,
    IntoDomain,
    ScopedWrites,
    belongs_to,
    belongs_with,
    holds,
    is_one_of,
)

SCOPES = [("project", "Project"), ("team", "Team")]
MOVES = [("reserve", "Reserve"), ("commit", "Commit"), ("release", "Release"), ("adjust", "Adjust")]
POOLS = [("reserved", "Reserved"), ("used", "Used")]
OUTCOMES = [("allow", "Allow"), ("warn", "Warn"), ("deny", "Deny"), ("error", "Error")]
KIND = r"^(points|count:[a-z][a-z0-9-]{0,38}[a-z0-9])\Z"


def number(model: str, name: str, **options: object) -> IntoDomain:
    return IntoDomain(model, name, NumberInDomain(domain="natural_number", **options), was="integer")


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_row_scope"), ("tenancy", "0009_lighter_writes")]

    operations = [
        CreateDomain("quota_scope", "varchar(8)", is_one_of(*dict(SCOPES))),
        CreateDomain("quota_kind", "varchar(48)", f"VALUE ~ '{KIND}'"),
        CreateDomain("quota_move", "varchar(8)", is_one_of(*dict(MOVES))),
        CreateDomain("quota_pool", "varchar(8)", is_one_of(*dict(POOLS))),
        CreateDomain("policy_outcome", "varchar(8)", is_one_of(*dict(OUTCOMES))),
        migrations.RemoveConstraint("quota", "quota_scope_is_known"),
        migrations.RemoveConstraint("quota", "quota_kind_is_known"),
        migrations.RemoveConstraint("quota", "quota_is_never_negative"),
        IntoDomain(
            "quota",
            "scope_type",
            TextInDomain(domain="quota_scope", max_length=8, choices=SCOPES),
            was="varchar(8)",
        ),
        IntoDomain(
            "quota",
            "kind",
            TextInDomain(domain="quota_kind", max_length=48, help_text="points, or count: and a kind of resource."),
            was="varchar(48)",
        ),
        number("quota", "limit"),
        number("quota", "reserved", default=0, help_text="Promised to what is being made."),
        number("quota", "used", default=0, help_text="Held by what is there."),
        migrations.RemoveConstraint("quotaentry", "quota_entry_move_is_known"),
        migrations.RemoveConstraint("quotaentry", "quota_entry_is_never_negative"),
        IntoDomain(
            "quotaentry", "move", TextInDomain(domain="quota_move", max_length=8, choices=MOVES), was="varchar(8)"
        ),
        IntoDomain(
            "quotaentry",
            "pool",
            TextInDomain(
                domain="quota_pool",
                max_length=8,
                choices=POOLS,
                help_text="The counter that is changed, or moved from.",
            ),
            was="varchar(8)",
        ),
        number("quotaentry", "reserved_after"),
        number("quotaentry", "used_after"),
        migrations.AddConstraint(
            "quotaentry",
            models.CheckConstraint(
                condition=models.Q(("amount__gt", 0), models.Q(("amount__lt", 0), ("move", "adjust")), _connector="OR"),
                name="quota_entry_moves_something",
            ),
        ),
        migrations.AddConstraint(
            "quotaentry",
            models.CheckConstraint(
                condition=models.Q(("pool", "reserved"), ("move__in", ["release", "adjust"]), _connector="OR"),
                name="quota_entry_moves_from_where_it_can",
            ),
        ),
        migrations.AlterField(
            "quotaentry",
            "quota",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="entries",
                to="governance.quota",
            ),
        ),
        migrations.RemoveConstraint("policydecision", "policy_decision_outcome_is_known"),
        IntoDomain(
            "policydecision",
            "outcome",
            TextInDomain(domain="policy_outcome", max_length=8, choices=OUTCOMES),
            was="varchar(8)",
        ),
        ScopedWrites("quota", holds("scope_id"), was=belongs_to("scope_id")),
        ScopedWrites("quota_entry", "true", was=belongs_with("quota", by="quota_entry.quota_id")),
        ScopedWrites("policy_decision", holds("project_id"), was=belongs_to("project_id")),
    ]
