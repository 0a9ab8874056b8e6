"""YAML that knows its lines: plain data of JSON's types, and where each part of it stands.

YAML 1.2's core schema is read: ``no`` and ``1:30`` are texts. Tags, aliases and a key that stands twice are refused,
for a manifest is data and nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog.schema.problems import ModuleBrokenError, Problem

MAX_BYTES = 256 * 1024

PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge")
)
"""What PyYAML takes plain words for; they are read anew here by the rules of YAML 1.2."""

WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
INTEGER = re.compile(r"[-+]?[0-9]+\Z")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file's data.

    Attributes:
        file: File name.
        value: The data.
        lines: Line by JSON pointer (``#/plans/0/slug``), counted from 1; a member's line is its key's.
    """

    file: str
    value: Any
    lines: Mapping[str, int]

    def problem(self, pointer: str, reason: str) -> Problem:
        """Return a finding at a part of the document, or at the nearest part around it that exists."""
        while pointer not in self.lines and "/" in pointer:
            pointer = pointer.rpartition("/")[0]
        return Problem(self.file, self.lines.get(pointer, 1), reason)


def document_read(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        ModuleBrokenError: Missing, too large, not UTF-8, not YAML, or more than plain data.
    """
    reader = _Reader(path.name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModuleBrokenError([Problem(path.name, 1, f"the file cannot be read: {error.strerror}")]) from None
    if len(content) > MAX_BYTES:
        raise ModuleBrokenError([Problem(path.name, 1, f"the file is larger than {MAX_BYTES} bytes")])
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ModuleBrokenError([Problem(path.name, line, "this is not UTF-8")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ModuleBrokenError([Problem(path.name, line, f"this is not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise ModuleBrokenError([Problem(path.name, 1, f"this is not YAML: {error}")]) from None
    value = reader.read(node, "#") if node is not None else None
    if reader.problems:
        raise ModuleBrokenError(reader.problems)
    return Document(file=path.name, value=value, lines=reader.lines)


class _Reader:
    """Turns nodes into data, and keeps their lines."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def read(self, node: yaml.Node, pointer: str) -> Any:
        self.lines.setdefault(pointer, node.start_mark.line + 1)
        if id(node) in self._seen:
            return self._complain(node, "aliases are not taken; write the value again")
        self._seen.add(id(node))
        if node.tag not in PLAIN_TAGS:
            return self._complain(node, f"the tag {node.tag} is not taken; write plain data")
        if isinstance(node, yaml.MappingNode):
            return self._members(node, pointer)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, f"{pointer}/{index}") for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _members(self, node: yaml.MappingNode, pointer: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key == "<<":
                self._complain(key_node, "a key has to be a plain word")
            elif key in members:
                self._complain(key_node, f"{key} stands twice")
            else:
                inner = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
                self.lines[inner] = key_node.start_mark.line + 1
                members[key] = self.read(value_node, inner)
        return members

    def _scalar(self, node: yaml.Node) -> Any:
        text = str(node.value)
        if getattr(node, "style", None):
            return text
        if text.lower() in WORDS and text in {text.lower(), text.title(), text.upper()}:
            return WORDS[text.lower()]
        if INTEGER.match(text):
            return int(text)
        return float(text) if FLOAT.match(text) else text

    def _complain(self, node: yaml.Node, reason: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, reason))
