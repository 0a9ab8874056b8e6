"""A client in TypeScript, made by openapi-typescript, with openapi-fetch."""

import shutil
from pathlib import Path
from typing import Any

from tests.clients.documents import Documents
from tests.clients.programs import outcome, run

HERE = Path(__file__).with_name("typescript")
QUIET = {"npm_config_update_notifier": "false", "npm_config_fund": "false", "npm_config_audit": "false"}
LINT = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def node_is_here() -> bool:
    """Tell whether there are node and npm."""
    return bool(shutil.which("node") and shutil.which("npm"))


def typescript_make(documents: Documents, folder: Path) -> None:
    """Install what is pinned, lint the documents, make the types, and compile what orders with them, strictly.

    Raises:
        ProgramError: The linter, the generator or the compiler found fault.
    """
    shutil.copytree(HERE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    run("npm", "ci", folder=folder, environ=QUIET)
    programs = folder / "node_modules" / ".bin"
    made = {"slipway.ts": documents.api, "postgres-database.ts": documents.database}
    run(programs / "redocly", "lint", *made.values(), folder=folder, environ=LINT)
    for types, document in made.items():
        run(programs / "openapi-typescript", document, "--default-non-nullable", "false", "-o", types, folder=folder)
    run(programs / "tsc", folder=folder)


def typescript_order(folder: Path, task: str) -> dict[str, Any]:
    """Order with what was compiled in a folder, and return what came of it."""
    return outcome(run("node", "made/order.js", folder=folder, given=task))
