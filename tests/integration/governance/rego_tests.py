"""Runs the ``*_test.rego`` files of the policies, in the engine that judges in production.

A rule ``test_x`` must be true for an ask that differs from a plain one in what the rule ``given_x`` beside it says; a
list says several. Rego's own ``with``, and functions that change objects, are not used: the engine aborts when it
compiles the one together with rules such as ours, and was seen to quote the texts that it passes to the others.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from governance.engine.policy_set import TEST_SUFFIX, PolicySetError
from governance.engine.rego import EvaluationError, Program
from tests.policies import ask

POLICIES = Path(__file__).resolve().parents[3] / "policies"

PLAIN: dict[str, Any] = msgspec.to_builtins(ask())


def changed(plain: Any, change: Any) -> Any:
    """Return a value with what a change names replaced, at whatever depth."""
    if not isinstance(change, dict):
        return change
    return {**plain, **{name: changed(plain[name], value) for name, value in change.items()}}


def sources() -> dict[str, str]:
    """Return all Rego files of the project, tests too, by path."""
    return {str(path.relative_to(POLICIES)): path.read_text() for path in sorted(POLICIES.rglob("*.rego"))}


def names_of_tests(source: str) -> list[str]:
    """Return the tests of a source, as ``package/test_x``."""
    package = re.search(r"^package (\S+)", source, flags=re.MULTILINE)
    assert package
    names = re.findall(r"^(test_\w+)", source, flags=re.MULTILINE)
    return [f"{package[1].replace('.', '/')}/{name}" for name in names]


def failing(modules: Mapping[str, str], tests: Iterable[str]) -> set[str]:
    """Return the tests that do not hold."""
    given = {test: test.replace("/test_", "/given_") for test in tests}
    try:
        program = Program(modules, [*given, *given.values()])
    except PolicySetError:
        return set(given)
    return {test for test, inputs in given.items() if not _holds(program, test, inputs)}


def _holds(program: Program, test: str, given: str) -> bool:
    try:
        said: Any = program.evaluate(given, {})
        changes = said if isinstance(said, list) else [said]
        return bool(changes) and all(program.evaluate(test, changed(PLAIN, change)) is True for change in changes)
    except EvaluationError:
        return False


def beside(modules: Mapping[str, str], name: str) -> list[str]:
    """Return the tests of one rule file; what no test stands beside is tested by all."""
    neighbor = name.replace(".rego", TEST_SUFFIX)
    files = [neighbor] if neighbor in modules else [name for name in modules if name.endswith(TEST_SUFFIX)]
    return [test for file in files for test in names_of_tests(modules[file])]
