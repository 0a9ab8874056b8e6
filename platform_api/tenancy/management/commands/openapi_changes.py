"""``openapi_changes``: says what differs between two OpenAPI documents, and what of it breaks clients."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError

from platform_api.core.http.document.changes import changes_between


def document_read(name: str) -> dict[str, Any]:
    """Read a document from a file; ``-`` is what is piped in.

    Raises:
        CommandError: There is no such file, or no OpenAPI document in it.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        msg = f"{name} cannot be read: {error}"
        raise CommandError(msg) from error
    if not isinstance(document, dict) or "paths" not in document:
        msg = f"{name} is no OpenAPI document: it has no paths."
        raise CommandError(msg)
    return document


class Command(BaseCommand):
    help = "Say what differs between two OpenAPI documents, and what of it breaks clients."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("old", help="The document that clients know; - reads it from standard input.")
        parser.add_argument("new", help="The document that is to come.")
        parser.add_argument("--strict", action="store_true", help="End with 1 where a change breaks clients.")

    def handle(self, *args: Any, **options: Any) -> None:
        changes = changes_between(document_read(options["old"]), document_read(options["new"]))
        breaking = [change for change in changes if change.is_breaking]
        for change in changes:
            self.stdout.write(f"{'breaks' if change.is_breaking else 'adds  '}  {change.where}: {change.what}")
        self.stdout.write(f"{len(changes)} changes, {len(breaking)} of them break clients.")
        if options["strict"] and breaking:
            raise SystemExit(1)
