"""Make clients from the documents of a stack of its own, and order a database with each: ``make clients``.

Needs node and npm for the one in TypeScript. Ends with 1 where an order did not go well.
"""

import sys
import tempfile
from pathlib import Path

from tests.clients.documents import documents_save
from tests.clients.in_python import python_make, python_order
from tests.clients.in_typescript import node_is_here, typescript_make, typescript_order
from tests.clients.programs import EXPECTED, task
from tests.e2e.live import stack_running

PROJECT = "clients"


def main() -> int:
    """Make, order, report, and return the exit status."""
    if not node_is_here():
        print("There is no node or no npm here; the client in TypeScript needs both: install Node.js 20 or newer.")
        return 1
    with stack_running(PROJECT) as stack, tempfile.TemporaryDirectory() as name:
        client, folder = stack.clients[PROJECT], Path(name)
        documents = documents_save(client, folder)
        found = {}
        for language, make, order in (
            ("python", python_make, python_order),
            ("typescript", typescript_make, typescript_order),
        ):
            place = folder / language
            place.mkdir()
            make(documents, place)
            found[language] = order(place, task(client, f"from-{language}"))
            print(f"{language}: {found[language]}")
    return 0 if all(each == EXPECTED for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
