"""The one module that knows the Rego engine: a policy set compiled once, asked often.

What was measured of the engine (rego-cpp 1.5.2 through regopy) decides how it is used here:

* results are read from its nodes, never from its JSON text, in which quotes are not escaped;
* input is built value by value, never given as text, whose escapes it does not read;
* errors of built-in functions are errors: otherwise the rule would be undefined, and an undefined ``deny`` allows;
* reading an output that is not of the expected form aborts the process, so each node's kind is looked at first.
"""

from collections.abc import Callable, Mapping
from typing import Any

from regopy import Interpreter, RegoError
from regopy import rego_shared as native
from regopy.rego_shared import Code, NodeKind

from governance.engine.policy_set import PolicySet, PolicySetError, Stage

ALL = "slipway_policy_set"
"""Package of the module that is written here: by stage, what each policy of the set finds."""

# As numbers, as the engine says them: finding the member of the enumeration takes as long as reading the node.
SCALARS: Mapping[int, Callable[[str], Any]] = {
    NodeKind.String.value: str,
    NodeKind.Int.value: int,
    NodeKind.Float.value: float,
    NodeKind.True_.value: lambda _: True,
    NodeKind.False_.value: lambda _: False,
    NodeKind.Null.value: lambda _: None,
}
_WRAPPERS = frozenset({NodeKind.Term.value, NodeKind.Scalar.value})
_LISTS = frozenset({NodeKind.Array.value, NodeKind.Set.value})
_OBJECT = NodeKind.Object.value

_engine = native.rego
_ADDERS: Mapping[type, Callable[[Any, Any], int]] = {
    str: lambda made, text: _engine.regoInputString(made, text.encode()),
    int: _engine.regoInputInt,
    float: _engine.regoInputFloat,
    bool: _engine.regoInputBoolean,
    type(None): lambda made, _: _engine.regoInputNull(made),
}


class EvaluationError(Exception):
    """The engine gave no answer that can be relied on; nothing of the input is in the text."""


class Program:
    """Compiled Rego with fixed entry points.

    Args:
        modules: Sources by name.
        entry_points: Rules that will be asked for, as ``package/rule``.

    Raises:
        PolicySetError: A module does not compile.
    """

    def __init__(self, modules: Mapping[str, str], entry_points: list[str]) -> None:
        compiler = _interpreter()
        try:
            for name, source in modules.items():
                compiler.add_module(name, source)
            self._bundle = compiler.build(None, entry_points)
        except RegoError as error:
            raise PolicySetError(f"The Rego modules {', '.join(modules)} do not compile: {error}") from error
        if not self._bundle.ok():
            raise PolicySetError(f"The Rego modules {', '.join(modules)} do not compile.")
        self._interpreter = _interpreter()

    def evaluate(self, entry_point: str, value: Any) -> Any:
        """Return what a rule says of an input, as JSON values; sets become lists.

        Args:
            entry_point: One of those that it was compiled for.
            value: Canonical input.

        Raises:
            EvaluationError: The rule is undefined, a built-in function failed, or the answer has no form of a value.
        """
        try:
            _input_set(self._interpreter._impl, value)  # noqa: SLF001 - as below
            output = native.rego_bundle_query_entrypoint(
                self._interpreter._impl,  # noqa: SLF001 - regopy's own call would read the result as JSON text
                self._bundle._impl,  # noqa: SLF001 - as above
                entry_point,
            )
        except RegoError as error:
            raise EvaluationError("The engine refused the query.") from error
        try:
            if not native.rego_output_ok(output):
                raise EvaluationError("A rule or a built-in function failed.")
            return _only_term(native.rego_output_node(output))
        finally:
            native.rego_free_output(output)


class Rules:
    """A policy set, compiled."""

    def __init__(self, policy_set: PolicySet) -> None:
        self.policy_set = policy_set
        self._stages = {policy.stage for policy in policy_set.policies}
        lines = [f"package {ALL}"]
        lines += [f'{policy.stage}["{policy.id}"] := {policy.query}' for policy in policy_set.policies]
        modules = {**policy_set.modules, f"{ALL}.rego": "\n".join(lines) + "\n"}
        self._program = Program(modules, [f"{ALL}/{stage}" for stage in sorted(self._stages)])

    def findings(self, stage: Stage, value: Any) -> dict[str, list[dict[str, Any]]]:
        """Return what each policy of a stage finds in an input, by policy id; an empty list is no objection.

        Raises:
            EvaluationError: A policy's rule is undefined or failed, or a finding is not of the form that
                docs/policies.md says.
        """
        expected = {policy.id for policy in self.policy_set.policies if policy.stage is stage}
        found = self._program.evaluate(f"{ALL}/{stage}", value) if stage in self._stages else {}
        if not isinstance(found, dict) or found.keys() != expected:
            raise EvaluationError("A policy's rule is undefined.")
        return {name: [_finding(item) for item in _listed(items)] for name, items in found.items()}


def _interpreter() -> Interpreter:
    interpreter = Interpreter()
    interpreter.strict_built_in_errors = True
    return interpreter


def _listed(items: Any) -> list[Any]:
    if not isinstance(items, list):
        raise EvaluationError("A policy's rule is no set of findings.")
    return items


def _finding(item: Any) -> dict[str, Any]:
    """Judge the form of one finding; the way in the input is a list of keys and indexes."""
    match item:
        case {"code": str(), "msg": str(), "path": list(path), "remedy": str()} if len(item) == 4:  # noqa: PLR2004 - these four
            if all(isinstance(step, str | int) and not isinstance(step, bool) for step in path):
                return {**item}
    raise EvaluationError("A finding is not of the form code, msg, path, remedy.")


def _input_set(interpreter: Any, value: Any) -> None:
    """Give the engine an input; what regopy does, without a copy of each text, which is most of what it takes.

    Raises:
        EvaluationError: The engine cannot make the input.
        RegoError: It refuses it.
    """
    made = native.rego_new_input()
    try:
        if _input_add(made, value):
            raise EvaluationError("The engine cannot make the input.")
        native.rego_set_input(interpreter, made)
    finally:
        native.rego_free_input(made)


def _input_add(made: Any, value: Any) -> int:
    """Put a value onto an input that is being made; 0, or the engine's codes of what failed."""
    failed, kind = int(Code.OK), type(value)
    if kind is dict:
        for key, inner in value.items():
            failed |= _engine.regoInputString(made, key.encode()) | _input_add(made, inner)
            failed |= _engine.regoInputObjectItem(made)
        return failed | int(_engine.regoInputObject(made, len(value)))
    if kind is list:
        for inner in value:
            failed |= _input_add(made, inner)
        return failed | int(_engine.regoInputArray(made, len(value)))
    return failed | int(_ADDERS[kind](made, value))


def _only_term(node: Any) -> Any:
    """Return the value of a query of one expression: Results, Result, Terms, then the term."""
    for kind in (NodeKind.Results, NodeKind.Result, NodeKind.Terms):
        if native.rego_node_type(node) is not kind or not native.rego_node_size(node):
            raise EvaluationError("The rule is undefined.")
        node = native.rego_node_get(node, 0)
    return _value(node)


def _value(node: Any) -> Any:
    kind = _engine.regoNodeType(node)
    if kind in SCALARS:
        return SCALARS[kind](native.rego_node_value(node))
    children = [native.rego_node_get(node, index) for index in range(native.rego_node_size(node))]
    if kind in _WRAPPERS:
        return _value(children[0])
    if kind in _LISTS:
        return [_value(child) for child in children]
    if kind == _OBJECT:
        pairs = [(native.rego_node_get(child, 0), native.rego_node_get(child, 1)) for child in children]
        return {_value(key): _value(value) for key, value in pairs}
    raise EvaluationError("The engine answered with no value.")
