"""A client in Python, made by openapi-python-client."""

import shutil
import sys
from pathlib import Path
from typing import Any

from tests.clients.documents import Documents
from tests.clients.programs import outcome, run

HERE = Path(__file__).with_name("python")
GENERATOR = Path(sys.executable).with_name("openapi-python-client")

NO_HOOKS = "post_hooks: []\n"
"""What is generated is used as it is, without a formatter."""

MYPY = """
[mypy]
strict = True

# The generator's own frame hands *args on to httpx, whatever the document is.
[mypy-slipway_client.client,postgres_database_client.client]
disable_error_code = arg-type
"""


def python_make(documents: Documents, folder: Path) -> None:
    """Make the clients and what orders with them in a folder, and judge all types strictly.

    Raises:
        ProgramError: The generator or the type checker found fault.
    """
    (folder / "generator.yaml").write_text(NO_HOOKS)
    (folder / "mypy.ini").write_text(MYPY)
    shutil.copy(HERE / "order.py", folder / "order.py")
    packages = {"slipway_client": documents.api, "postgres_database_client": documents.database}
    for package, document in packages.items():
        options = ("--config", "generator.yaml", "--meta", "none", "--fail-on-warning", "--output-path", package)
        run(GENERATOR, "generate", "--path", document, *options, folder=folder)
    run(sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "order.py", *packages, folder=folder)


def python_order(folder: Path, task: str) -> dict[str, Any]:
    """Order with the clients in a folder, and return what came of it."""
    return outcome(run(sys.executable, "order.py", folder=folder, given=task))
