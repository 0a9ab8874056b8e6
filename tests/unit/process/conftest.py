import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_api.process.commands import Command

PythonCommand = Callable[..., Command]


@pytest.fixture
def python(tmp_path: Path) -> PythonCommand:
    """Make a command that runs a piece of Python in a quick, isolated interpreter."""

    def make(code: str, *arguments: str, **changes: object) -> Command:
        fields: dict[str, object] = {
            "argv": (sys.executable, "-IS", "-u", "-c", code, *arguments),
            "cwd": tmp_path,
            "environment": {"PATH": os.defpath},
            "output": tmp_path / "output.log",
            **changes,
        }
        return Command(**fields)  # type: ignore[arg-type]  # a test names the fields it changes

    return make
