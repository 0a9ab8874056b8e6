"""What the members of a struct mean: the docstrings that stand below them in the code."""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

import msgspec


@cache
def meanings_of(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what is said of each member, by its name in JSON; what nothing is said of is left out.

    Args:
        struct: The struct; one that was made at run time has no code to read.
    """
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if issubclass(base, msgspec.Struct) and base.__module__ != msgspec.__name__:
            found |= _said_in(base)
    names = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    return {names[name]: text for name, text in found.items()}


def _said_in(struct: type) -> dict[str, str]:
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    except (OSError, TypeError):
        return {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    pairs = pairwise(statements)
    return {
        member.target.id: inspect.cleandoc(text.value.value)
        for member, text in pairs
        if isinstance(member, ast.AnnAssign)
        and isinstance(member.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
