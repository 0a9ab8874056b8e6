"""The documents that clients are made from, as a running service shows them."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.client import Client
from tests.hostile.stage import document_read

DATABASE = "postgres-database"


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Two documents, as files.

    Attributes:
        api: That of the whole API.
        database: That of the offering ``postgres-database``.
    """

    api: Path
    database: Path


def documents_save(client: Client, folder: Path) -> Documents:
    """Save the documents of a service into a folder."""
    saved = Documents(api=folder / "slipway.json", database=folder / f"{DATABASE}.json")
    saved.api.write_text(json.dumps(document_read(client)))
    saved.database.write_text(json.dumps(client.get(f"offerings/{DATABASE}/openapi")))
    return saved
