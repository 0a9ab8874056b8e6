"""``seed_connections``: make the connections that the settings know of; safe to repeat."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.models.connections import ConnectionKind, Tier
from catalog.services.connections import connection_ensure
from platform_api.core.callers import system_caller
from platform_api.core.errors import SlipwayError

SLUG = "fleet-postgres"


class Command(BaseCommand):
    help = "Make the connection fleet-postgres from FLEET_DATABASE_URL; without it, do nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        fleet = settings.FLEET_DATABASE
        if fleet is None:
            self.stdout.write(f"{SLUG}: skipped, FLEET_DATABASE_URL is not set")
            return
        try:
            connection_ensure(
                slug=SLUG,
                kind=ConnectionKind.POSTGRES,
                tiers=list(Tier),
                endpoint={"host": fleet.host, "port": fleet.port},
                credentials={"url": fleet.url},
                caller=system_caller("seed_connections"),
            )
        except SlipwayError as error:
            raise CommandError(f"{error.detail} {error.remedy}") from error
        self.stdout.write(f"{SLUG}: {fleet.host}:{fleet.port}")
