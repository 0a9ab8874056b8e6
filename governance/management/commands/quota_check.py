"""``quota_check``: compare every quota with the sum of its ledger; prints differences and exits 1, repairs nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.selectors.quotas import quota_reconcile


class Command(BaseCommand):
    help = "Compare every quota with its ledger. Differences are printed, never repaired."

    def handle(self, *args: Any, **options: Any) -> None:
        differences = quota_reconcile()
        for found in differences:
            quota = found.quota
            self.stdout.write(
                f"{quota.scope_name} {quota.kind}: row reserved {quota.reserved}, used {quota.used}; "
                f"ledger reserved {found.ledger_reserved}, used {found.ledger_used}"
            )
        if differences:
            msg = f"{len(differences)} of the quotas differ from their ledger; find out what wrote them before mending."
            raise CommandError(msg)
        self.stdout.write("Every quota equals the sum of its ledger.")
