import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.stacks import Stack

PROGRAM = (sys.executable, "-m", "tests.integration.embedded.program")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "state", program=PROGRAM)
    yield stack
    stack.end()


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack with all its parts, for tests that only look at it."""
    stack = Stack(tmp_path_factory.mktemp("whole") / "state", program=PROGRAM)
    try:
        stack.up()
        yield stack
    finally:
        stack.end()
        shutil.rmtree(stack.folder.path)


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)
