"""Clients that are made from the service's own documents, in two languages: typed strictly, and good for an order."""

from pathlib import Path

import pytest

from tests.clients.documents import documents_save
from tests.clients.in_python import python_make, python_order
from tests.clients.in_typescript import node_is_here, typescript_make, typescript_order
from tests.clients.programs import EXPECTED, task
from tests.e2e.client import Client

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]


def test_a_client_made_in_python_orders_a_database_and_gives_it_back(checkout: Client, tmp_path: Path) -> None:
    python_make(documents_save(checkout, tmp_path), tmp_path)
    assert python_order(tmp_path, task(checkout, "from-python")) == EXPECTED


@pytest.mark.skipif(not node_is_here(), reason="there is no node or no npm here, which a client in TypeScript needs")
def test_a_client_made_in_typescript_orders_a_database_and_gives_it_back(checkout: Client, tmp_path: Path) -> None:
    typescript_make(documents_save(checkout, tmp_path), tmp_path)
    assert typescript_order(tmp_path, task(checkout, "from-typescript")) == EXPECTED
