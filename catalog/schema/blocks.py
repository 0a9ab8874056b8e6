"""The blocks of a module's files, whichever of Terraform's two syntaxes they are written in."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lark import Token, Tree

from catalog.schema.expressions import (
    Expression,
    Items,
    Literal,
    Members,
    Node,
    SyntaxBrokenError,
    children,
    parse_expression,
    parse_text,
    read_expression,
)
from catalog.schema.problems import Problem

EXPRESSIONS_IN_JSON = frozenset({"type"})
"""Attributes of a variable whose text in ``.tf.json`` is an expression; a default is taken as it stands."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block such as ``variable "size" { … }``.

    Attributes:
        kind: First word.
        labels: The quoted words after it.
        file: File that it stands in.
        line: Where.
        attributes: Expressions by name.
        blocks: Blocks inside.
        repeated: Names of attributes that stand more than once.
    """

    kind: str
    labels: tuple[str, ...]
    file: str
    line: int
    attributes: Mapping[str, Expression]
    blocks: tuple["Block", ...] = ()
    repeated: tuple[str, ...] = ()


def module_blocks(folder: Path) -> tuple[list[Block], list[Problem]]:
    """Return the blocks of all Terraform files of a folder, and what could not be read."""
    blocks: list[Block] = []
    problems: list[Problem] = []
    for path in sorted(folder.iterdir()):
        reader = _reader_for(path.name)
        if reader is None:
            continue
        if path.stem.removesuffix(".tf").endswith("override"):
            problems.append(Problem(path.name, 1, "override files are not taken; say it in the file it overrides"))
            continue
        try:
            blocks.extend(reader(path.name, path.read_text(encoding="utf-8")))
        except SyntaxBrokenError as error:
            problems.append(Problem(path.name, error.line, error.reason))
        except UnicodeDecodeError as error:
            line = path.read_bytes().count(b"\n", 0, error.start) + 1
            problems.append(Problem(path.name, line, "this is not UTF-8"))
    return blocks, problems


def _reader_for(name: str) -> Callable[[str, str], Iterator[Block]] | None:
    if name.endswith(".tf"):
        return _native_blocks
    return _json_blocks if name.endswith(".tf.json") else None


def _native_blocks(file: str, text: str) -> Iterator[Block]:
    for body in children(parse_text(text), "body"):
        yield from (_native_block(block, file=file, source=text) for block in children(body, "block"))


def _native_block(node: Node, *, file: str, source: str) -> Block:
    words = [_word(child, source) for child in node.children if isinstance(child, Tree) and child.data in WORDS]
    body = next(children(node, "body"))
    named = [
        (_word(attribute.children[0], source), read_expression(attribute.children[-1], source=source))
        for attribute in children(body, "attribute")
    ]
    names = [name for name, _ in named]
    return Block(
        kind=words[0],
        labels=tuple(words[1:]),
        file=file,
        line=node.meta.line,
        attributes=dict(named),
        blocks=tuple(_native_block(block, file=file, source=source) for block in children(body, "block")),
        repeated=tuple(sorted({name for name in names if names.count(name) > 1})),
    )


WORDS = frozenset({"identifier", "keyword", "literal_value", "string"})


def _word(node: Node | Token, source: str) -> str:
    if isinstance(node, Tree):
        return source[node.meta.start_pos : node.meta.end_pos].strip('"')
    return str(node)


def _json_blocks(file: str, text: str) -> Iterator[Block]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise SyntaxBrokenError(error.lineno, f"this is not JSON: {error.msg}") from None
    if not isinstance(document, dict):
        raise SyntaxBrokenError(1, "a .tf.json file holds one object")
    for kind in ("variable", "output", "resource", "module"):
        for name, content in _named(document.get(kind, {})):
            yield _json_block(kind, (name,), content, file=file, text=text)


def _named(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a block's names and contents; Terraform takes an object, or a list of them."""
    for group in value if isinstance(value, list) else [value]:
        yield from group.items() if isinstance(group, dict) else ()


def _json_block(kind: str, labels: tuple[str, ...], content: Any, *, file: str, text: str) -> Block:
    line = _line_of(labels[-1], text) if labels else 1
    given = content if isinstance(content, dict) else {}
    inner = given.get("validation", [])
    rules = inner if isinstance(inner, list) else [inner]
    return Block(
        kind=kind,
        labels=labels,
        file=file,
        line=line,
        attributes={
            name: _json_value(value, line=line, is_expression=name in EXPRESSIONS_IN_JSON)
            for name, value in given.items()
            if name != "validation"
        },
        blocks=tuple(
            Block(
                kind="validation",
                labels=(),
                file=file,
                line=line,
                attributes={
                    name: _json_value(value, line=line, is_expression=name == "condition")
                    for name, value in rule.items()
                },
            )
            for rule in rules
            if isinstance(rule, dict)
        ),
    )


def _line_of(name: str, text: str) -> int:
    """Return the line of a key's first mention; Python's reader of JSON keeps no positions."""
    position = text.find(json.dumps(name))
    return text.count("\n", 0, max(position, 0)) + 1


def _json_value(value: Any, *, line: int, is_expression: bool) -> Expression:
    if isinstance(value, str) and is_expression:
        inner = value[2:-1] if value.startswith("${") and value.endswith("}") else value
        return parse_expression(inner, line=line)
    text = json.dumps(value)
    if isinstance(value, list):
        items = tuple(_json_value(item, line=line, is_expression=False) for item in value)
        return Items(text=text, line=line, items=items)
    if isinstance(value, dict):
        members = tuple((name, _json_value(item, line=line, is_expression=False)) for name, item in value.items())
        return Members(text=text, line=line, members=members)
    return Literal(text=text, line=line, value=value)
