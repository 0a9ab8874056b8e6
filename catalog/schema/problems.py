"""What is wrong with a module or its manifest, and where: all findings of one reading are told at once."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that keeps an offering from being published.

    Attributes:
        file: File name, from the module's folder.
        line: Line in it, counted from 1.
        reason: What is wrong and what would be right, in a person's words.
    """

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class ModuleBrokenError(Exception):
    """A module or its manifest cannot be read; carries everything that was found.

    Attributes:
        problems: At least one, in the order of the files.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))
