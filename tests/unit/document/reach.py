"""What a function can refuse with, read from its code: every error that is made in it, or in what it calls.

Calls are followed by name: functions, classes and methods of ``self``. What is called on a value whose class only shows
at run time is not seen, so this finds at least what is named, and perhaps not all.
"""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from platform_api.core.errors import SlipwayError

ROOMS = ("platform_api", "provisioning", "catalog", "governance", "tests")
Errors = frozenset[type[SlipwayError]]


def reached(function: Callable[..., Any], owner: type | None = None) -> Errors:
    """Return the errors that a function can raise.

    Args:
        function: Where to begin.
        owner: Class that ``self`` is of.
    """
    found: set[type[SlipwayError]] = set()
    waiting, seen = [(function, owner)], set[Any]()
    while waiting:
        current, its_owner = waiting.pop()
        if (current, its_owner) in seen:
            continue
        seen.add((current, its_owner))
        errors, calls = _told(current, its_owner)
        found |= errors
        waiting += calls
    return frozenset(found)


@cache
def _told(function: Callable[..., Any], owner: type | None) -> tuple[Errors, tuple[tuple[Any, type | None], ...]]:
    function = inspect.unwrap(function)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError):
        return frozenset(), ()
    errors, calls = set[type[SlipwayError]](), list[tuple[Any, type | None]]()
    for value, is_made in _values(tree, function, owner):
        if inspect.isclass(value) and issubclass(value, SlipwayError):
            errors |= {value} if is_made and value.code else set()
        elif inspect.isclass(value) and _is_ours(value):
            calls += [(method, value) for name, method in vars(value).items() if name == "__init__"]
        elif (inspect.isfunction(value) or inspect.ismethod(value)) and _is_ours(value):
            bound = getattr(value, "__self__", None)
            calls.append((getattr(value, "__func__", value), bound if inspect.isclass(bound) else owner))
    return frozenset(errors), tuple(calls)


def _values(tree: ast.AST, function: Callable[..., Any], owner: type | None) -> Iterator[tuple[Any, bool]]:
    """Yield each value that is named, and whether it is called or raised."""
    made = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    made |= {id(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield _resolve(node, function, owner), id(node) in made


def _resolve(node: ast.expr, function: Callable[..., Any], owner: type | None) -> Any:
    if isinstance(node, ast.Name):
        return _named(node.id, function)
    if not isinstance(node, ast.Attribute):
        return None
    if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
        return getattr(owner, node.attr, None)
    base = _resolve(node.value, function, owner)
    return getattr(base, node.attr, None) if isinstance(base, ModuleType | type) else None


def _named(name: str, function: Callable[..., Any]) -> Any:
    free = getattr(getattr(function, "__code__", None), "co_freevars", ())
    if name in free:
        cell = (function.__closure__ or ())[free.index(name)]
        return cell.cell_contents
    return getattr(function, "__globals__", {}).get(name, getattr(builtins, name, None))


def _is_ours(value: Any) -> bool:
    return str(value.__module__).partition(".")[0] in ROOMS
