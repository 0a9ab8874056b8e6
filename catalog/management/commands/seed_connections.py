"""``seed_connections``: make the connections that the settings know of; safe to repeat."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.models.connections import ConnectionKind, Tier
from catalog.services.connections import connection_ensure
from platform_api.core.callers import system_caller
from platform_api.core.errors import SlipwayError

SEEDS = (
    ("fleet-postgres", ConnectionKind.POSTGRES, "FLEET_DATABASE"),
    ("fleet-valkey", ConnectionKind.VALKEY, "FLEET_VALKEY"),
)
"""Slug, kind, and the setting, whose value comes from the variable of the same name with ``_URL``."""


class Command(BaseCommand):
    help = "Make fleet-postgres from FLEET_DATABASE_URL and fleet-valkey from FLEET_VALKEY_URL, where they are set."

    def handle(self, *args: Any, **options: Any) -> None:
        for slug, kind, setting in SEEDS:
            server = getattr(settings, setting)
            if server is None:
                self.stdout.write(f"{slug}: skipped, {setting}_URL is not set")
                continue
            try:
                connection_ensure(
                    slug=slug,
                    kind=kind,
                    tiers=list(Tier),
                    endpoint={"host": server.host, "port": server.port},
                    credentials={"url": server.url},
                    caller=system_caller("seed_connections"),
                )
            except SlipwayError as error:
                raise CommandError(f"{error.detail} {error.remedy}") from error
            self.stdout.write(f"{slug}: {server.host}:{server.port}")
