"""``module_readme``: write the reference tables of the modules' READMEs, or check that they are as they should be."""

from itertools import filterfalse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.management.paths import add_paths, module_folders
from catalog.manifest.composing import is_composed
from catalog.manifest.reading import candidate_read
from catalog.manifest.readme import README, readme_generated
from catalog.schema.problems import ModuleBrokenError


class Command(BaseCommand):
    help = "Write the tables of variables, outputs and plans into the READMEs of modules."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_paths(parser)
        parser.add_argument("--check", action="store_true", help="write nothing; fail where a README is behind")

    def handle(self, *args: Any, **options: Any) -> None:
        behind: list[str] = []
        for folder in filterfalse(is_composed, module_folders(options["paths"])):  # those have no module to describe
            path = folder / README
            try:
                wanted = readme_generated(candidate_read(folder))
            except ModuleBrokenError as error:
                raise CommandError("\n".join(f"{folder.name}/{problem}" for problem in error.problems)) from error
            if path.read_text(encoding="utf-8") == wanted:
                self.stdout.write(f"{folder.name}: up to date")
            elif options["check"]:
                behind.append(folder.name)
            else:
                path.write_text(wanted, encoding="utf-8")
                self.stdout.write(f"{folder.name}: written")
        if behind:
            msg = f"Behind their modules: {', '.join(behind)}. Run manage.py module_readme, and look at the difference."
            raise CommandError(msg)
