"""HCL expressions as small values: what types, defaults and conditions are read from.

python-hcl2 parses; its syntax tree (not its dictionaries, which mix expressions with quoted text) is turned into the
few shapes that matter here. What has no shape is kept as ``Opaque``, so that a caller decides whether that is an error.
"""

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import hcl2
from lark import Token, Tree
from lark.exceptions import UnexpectedInput

Node = Tree[Token]


class SyntaxBrokenError(Exception):
    """Text that is not HCL.

    Attributes:
        line: Where, counted from 1.
        reason: What stands there, without the parser's list of everything else it could have been.
    """

    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True)
class Expression:
    """Any expression.

    Attributes:
        text: As it stands in the file, with blanks and line ends made one blank.
        line: Where it begins, counted from 1.
    """

    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Literal(Expression):
    """A string without interpolation, a number, a truth value, or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Reference(Expression):
    """A name with attributes: ``string``, ``var.size``, ``each.value``."""

    path: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Call(Expression):
    """A function, or a type constructor, with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, kw_only=True)
class Items(Expression):
    """``[…]``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, kw_only=True)
class Members(Expression):
    """``{…}``; keys that are no plain names or strings make the whole ``Opaque``."""

    members: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, kw_only=True)
class Operation(Expression):
    """Two operands and what stands between them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, kw_only=True)
class Negation(Expression):
    """``!…``."""

    operand: Expression


@dataclass(frozen=True, kw_only=True)
class Conditional(Expression):
    """``condition ? then : otherwise``."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, kw_only=True)
class ForEach(Expression):
    """``[for name in collection : body]``, without a condition."""

    name: str
    collection: Expression
    body: Expression


@dataclass(frozen=True, kw_only=True)
class Opaque(Expression):
    """Anything else: interpolation, indexes, splats, arithmetic on unknowns."""


_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SINGLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def parse_text(text: str) -> Node:
    """Return the syntax tree of a file.

    Raises:
        SyntaxBrokenError: It is not HCL, or HCL that python-hcl2 does not know (functions such as ``core::file``).
    """
    try:
        tree: Node = hcl2.parses_to_tree(text)
    except UnexpectedInput as error:
        line = error.line if error.line > 0 else text.count("\n") + 1
        raise SyntaxBrokenError(line, f"this is not HCL that can be read, at column {error.column}") from None
    return tree


def parse_expression(text: str, *, line: int) -> Expression:
    """Read an expression that stands in a string, as types and conditions do in ``.tf.json``.

    Args:
        text: The expression.
        line: Where it stands in its file; taken for all of its parts.

    Raises:
        SyntaxBrokenError: It is not an expression.
    """
    try:
        body = parse_text(f"x = {text}").children[0]
    except SyntaxBrokenError:
        raise SyntaxBrokenError(line, f"{text[:80]!r} is not an expression") from None
    attributes = list(children(body, "attribute"))
    if len(attributes) != 1:
        raise SyntaxBrokenError(line, f"{text[:80]!r} is not one expression")
    return _Reader(f"x = {text}", fixed_line=line).read(attributes[0].children[-1])


def read_expression(node: Node | Token, *, source: str) -> Expression:
    """Return the expression of a syntax tree that was parsed from ``source``."""
    return _Reader(source).read(node)


def children(node: Node | Token, *kinds: str) -> Iterator[Node]:
    """Yield the sub-trees of these kinds, in order."""
    if isinstance(node, Tree):
        yield from (child for child in node.children if isinstance(child, Tree) and child.data in kinds)


def _parts(node: Node) -> list[Node]:
    return [child for child in node.children if isinstance(child, Tree) and child.data != "new_line_or_comment"]


class _Reader:
    """Turns the trees of one text into expressions."""

    def __init__(self, source: str, *, fixed_line: int | None = None) -> None:
        self.source = source
        self.fixed_line = fixed_line

    def read(self, node: Node | Token) -> Expression:
        """Return the expression, whatever it is."""
        if not isinstance(node, Tree):
            return Opaque(text=str(node), line=self.fixed_line or 1)
        where = self._where(node)
        reader = getattr(self, f"_read_{node.data}", None)
        found = reader(node, *where) if reader else None
        return found if found is not None else Opaque(text=where[0], line=where[1])

    def _where(self, node: Node) -> tuple[str, int]:
        text = self.source[node.meta.start_pos : node.meta.end_pos]
        return " ".join(text.split()), self.fixed_line or node.meta.line

    def _read_expr_term(self, node: Node, text: str, line: int) -> Expression:
        return self.read(_parts(node)[0])

    def _read_int_lit(self, node: Node, text: str, line: int) -> Expression:
        return Literal(text=text, line=line, value=int(text))

    def _read_float_lit(self, node: Node, text: str, line: int) -> Expression:
        return Literal(text=text, line=line, value=float(text))

    def _read_literal_value(self, node: Node, text: str, line: int) -> Expression:
        return Literal(text=text, line=line, value={"true": True, "false": False, "null": None}[text])

    def _read_identifier(self, node: Node, text: str, line: int) -> Expression:
        return Reference(text=text, line=line, path=(text,))

    def _read_string(self, node: Node, text: str, line: int) -> Expression | None:
        tokens = [token for part in _parts(node) for token in part.children]
        if not all(isinstance(token, Token) for token in tokens):
            return None
        raw = "".join(str(token) for token in tokens)
        return Literal(text=text, line=line, value=_unescape(_undouble(raw)))

    def _read_heredoc_template(self, node: Node, text: str, line: int) -> Expression | None:
        return _heredoc(str(node.children[0]), text=text, line=line)

    _read_heredoc_template_trim = _read_heredoc_template

    def _read_tuple(self, node: Node, text: str, line: int) -> Expression:
        return Items(text=text, line=line, items=tuple(self.read(part) for part in _parts(node)))

    def _read_object(self, node: Node, text: str, line: int) -> Expression | None:
        members: list[tuple[str, Expression]] = []
        for element in _parts(node):
            key_node, value_node = _parts(element)
            key = self._key(key_node)
            if key is None:
                return None
            members.append((key, self.read(value_node)))
        return Members(text=text, line=line, members=tuple(members))

    def _key(self, node: Node) -> str | None:
        inner = node.children[0]
        if isinstance(inner, Tree) and inner.data == "keyword":
            return str(inner.children[0])
        match self.read(inner):
            case Reference(path=(name,)):
                return name
            case Literal(value=str(name)):
                return name
            case Literal(value=bool() | None):
                return None
            case Literal(text=text):
                return text
            case _:
                return None

    def _read_function_call(self, node: Node, text: str, line: int) -> Expression | None:
        name = "::".join(str(part.children[0]) for part in children(node, "identifier"))
        given = list(children(node, "arguments"))
        if given and any(isinstance(child, Token) and child.type == "ELLIPSIS" for child in given[0].children):
            return None
        arguments = tuple(self.read(part) for part in _parts(given[0])) if given else ()
        return Call(text=text, line=line, name=name, arguments=arguments)

    def _read_get_attr_expr_term(self, node: Node, text: str, line: int) -> Expression | None:
        of, attribute = _parts(node)
        inner = self.read(of)
        if not isinstance(inner, Reference):
            return None
        return Reference(text=text, line=line, path=(*inner.path, str(_parts(attribute)[0].children[0])))

    def _read_binary_op(self, node: Node, text: str, line: int) -> Expression:
        left, term = _parts(node)
        operator, right = _parts(term)
        return Operation(
            text=text, line=line, operator=str(operator.children[0]), left=self.read(left), right=self.read(right)
        )

    def _read_unary_op(self, node: Node, text: str, line: int) -> Expression | None:
        operand = self.read(_parts(node)[0])
        if node.children[0] == "!":
            return Negation(text=text, line=line, operand=operand)
        if isinstance(operand, Literal) and isinstance(operand.value, int | float):
            return Literal(text=text, line=line, value=-operand.value)
        return None

    def _read_conditional(self, node: Node, text: str, line: int) -> Expression:
        condition, then, otherwise = (self.read(part) for part in _parts(node))
        return Conditional(text=text, line=line, condition=condition, then=then, otherwise=otherwise)

    def _read_for_tuple_expr(self, node: Node, text: str, line: int) -> Expression | None:
        intro = next(children(node, "for_intro"))
        names = list(children(intro, "identifier"))
        bodies = [part for part in _parts(node) if part.data not in {"for_intro", "for_cond"}]
        if len(names) != 1 or any(children(node, "for_cond")):
            return None
        collection = _parts(intro)[-1]
        return ForEach(
            text=text,
            line=line,
            name=str(names[0].children[0]),
            collection=self.read(collection),
            body=self.read(bodies[0]),
        )


def _undouble(raw: str) -> str:
    return raw.replace("$${", "${").replace("%%{", "%{")


def _unescape(raw: str) -> str:
    def one(match: re.Match[str]) -> str:
        mark = match[0][1:]
        if mark[0] in "uU" and len(mark) > 1:
            return chr(int(mark[1:], 16))
        return _SINGLE.get(mark, match[0])

    return _ESCAPE.sub(one, raw)


def _heredoc(raw: str, *, text: str, line: int) -> Expression | None:
    """Return a heredoc's text: no backslash escapes, the last line end kept, indentation cut where ``<<-`` asks."""
    lines = raw.replace("\r\n", "\n").rstrip("\n").split("\n")
    body = "".join(f"{inner}\n" for inner in lines[1:-1])
    if raw.startswith("<<-"):
        body = textwrap.dedent(body)
    if re.search(r"(?<![$%])[$%]\{", body):
        return None
    return Literal(text=json.dumps(_undouble(body)), line=line, value=_undouble(body))
