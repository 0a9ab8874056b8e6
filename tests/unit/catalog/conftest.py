from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.schema.compiler import interface_read
from catalog.schema.problems import ModuleBrokenError
from catalog.schema.variables import Interface, Variable

Declare = Callable[..., Variable]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Interface]:
    """Read a module of the given files."""

    def from_files(**files: str) -> Interface:
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content, encoding="utf-8")
        return interface_read(tmp_path)

    return from_files


@pytest.fixture
def declare(read: Callable[..., Interface]) -> Declare:
    """Read one variable x from its type and the lines after it."""

    def from_type(kind: str | None, rest: str = "") -> Variable:
        declared = f"type = {kind}\n" if kind else ""
        return read(v_tf=f'variable "x" {{\n{declared}{rest}\n}}\n').variables["x"]

    return from_type


@pytest.fixture
def broken(read: Callable[..., Interface]) -> Callable[..., list[str]]:
    """Read a module that has to be refused, and return the findings."""

    def from_files(**files: str) -> list[str]:
        with pytest.raises(ModuleBrokenError) as caught:
            read(**files)
        return [str(problem) for problem in caught.value.problems]

    return from_files
