"""``sync_catalog``: publish what a checkout offers and the catalog has not yet; safe to repeat."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.management.paths import add_paths, module_folders
from catalog.manifest.composing import composed_read, is_composed
from catalog.manifest.reading import candidate_read
from catalog.schema.problems import ModuleBrokenError
from catalog.services.composing import composed_publish
from catalog.services.publishing import Publication, version_publish
from platform_api.core.callers import Caller, system_caller
from platform_api.core.errors import SlipwayError


class Command(BaseCommand):
    help = "Publish the versions in terraform_modules/ that are new. What is broken is told, the others are published."

    def add_arguments(self, parser: CommandParser) -> None:
        add_paths(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        caller = system_caller("sync_catalog")
        refused = 0
        for folder in sorted(module_folders(options["paths"]), key=is_composed):  # after the modules that they name
            try:
                publication = _publish(folder, caller)
            except ModuleBrokenError as error:
                refused += 1
                self.stdout.write(f"{folder.name}: refused, {len(error.problems)} found")
                for problem in error.problems:
                    self.stderr.write(f"  {folder.name}/{problem}")
            except SlipwayError as error:
                refused += 1
                self.stdout.write(f"{folder.name}: refused")
                self.stderr.write(f"  {error.detail} {error.remedy}")
            else:
                word = "published" if publication.is_new else "unchanged"
                self.stdout.write(f"{folder.name} {publication.version.version}: {word}")
        if refused:
            msg = f"{refused} refused; see above for file and line."
            raise CommandError(msg)


def _publish(folder: Path, caller: Caller) -> Publication:
    if is_composed(folder):
        return composed_publish(candidate=composed_read(folder), caller=caller)
    return version_publish(candidate=candidate_read(folder), caller=caller)
