"""From a module's files to what it takes and gives, and to the JSON Schema of the parameters a user may set."""

from collections.abc import Collection, Iterator
from pathlib import Path

from catalog.schema.blocks import Block, module_blocks
from catalog.schema.expressions import Expression, Literal
from catalog.schema.problems import ModuleBrokenError, Problem
from catalog.schema.rules import Rule, rules_lift
from catalog.schema.types import Schema, TypeBrokenError, or_null, type_schema
from catalog.schema.values import NotConstantError, value_of
from catalog.schema.variables import Interface, Output, Variable
from platform_api.core.judgement import RULES, compile_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLAN_TIME = "x-checked-at-plan-time"
"""Vendor keyword: messages of the rules that only a plan can judge."""

VARIABLE_ATTRIBUTES = frozenset({"type", "description", "default", "nullable", "sensitive", "ephemeral"})


def interface_read(folder: Path) -> Interface:
    """Read all ``*.tf`` and ``*.tf.json`` files of a module.

    Raises:
        ModuleBrokenError: With everything that is wrong, in all files.
    """
    blocks, problems = module_blocks(folder)
    variables: dict[str, Variable] = {}
    outputs: dict[str, Output] = {}
    for block in blocks:
        if block.kind not in {"variable", "output"}:
            continue
        declaration = _Declaration(block, problems)
        first = (variables if block.kind == "variable" else outputs).get(declaration.name)
        if first is not None:
            reason = f"{block.kind} {declaration.name} is declared in {first.file}:{first.line} already"
            problems.append(Problem(block.file, block.line, reason))
        elif block.kind == "variable":
            variables[declaration.name] = declaration.variable()
        else:
            outputs[declaration.name] = declaration.output()
    if problems:
        raise ModuleBrokenError(problems)
    return Interface(
        variables=variables,
        outputs=outputs,
        resource_types=frozenset(block.labels[0] for block in blocks if block.kind == "resource" and block.labels),
        calls_modules=any(block.kind == "module" for block in blocks),
    )


def parameters_schema(interface: Interface, *, settable: Collection[str]) -> Schema:
    """Return the JSON Schema of the parameters of a request.

    Args:
        interface: The module's.
        settable: Names of the variables that a user may set; the others do not exist for a user.
    """
    variables = [variable for name, variable in interface.variables.items() if name in settable]
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": {variable.name: _property(variable) for variable in variables},
        "required": [variable.name for variable in variables if not variable.has_default],
        "additionalProperties": False,
    }


def _property(variable: Variable) -> Schema:
    described: Schema = {"description": variable.description} if variable.description else {}
    if variable.is_sensitive or variable.is_ephemeral:
        described["writeOnly"] = True
    elif variable.has_default:
        described["default"] = variable.default
    if variable.messages:
        described[RULES] = list(variable.messages)
    if variable.plan_time_messages:
        described[PLAN_TIME] = list(variable.plan_time_messages)
    return {**variable.schema, **described}


class _Declaration:
    """Reads one block; what is wrong goes to ``problems``, and a sound stand-in is returned for it."""

    def __init__(self, block: Block, problems: list[Problem]) -> None:
        self.block, self.problems = block, problems
        self.name = block.labels[0] if block.labels else ""
        if len(block.labels) != 1:
            self._complain(f"{block.kind} takes one name in quotes")
        for name in block.repeated:
            self._complain(f"{name} stands more than once in {block.kind} {self.name}")

    def output(self) -> Output:
        """Return the output that the block declares."""
        return Output(
            name=self.name,
            file=self.block.file,
            line=self.block.line,
            description=self._text("description"),
            is_sensitive=self._flag("sensitive", default=False),
        )

    def variable(self) -> Variable:
        """Return the variable that the block declares."""
        for name in sorted(self.block.attributes.keys() - VARIABLE_ATTRIBUTES):
            self._complain(f"a variable has no attribute {name}", self.block.attributes[name])
        kind = self.block.attributes.get("type")
        rules = [rule for block in self.block.blocks for rule in self._rule(block)]
        lifted = rules_lift(self._schema(kind), rules, variable=self.name)
        takes_null = self._flag("nullable", default=True) and lifted.allows_null
        is_sensitive = self._flag("sensitive", default=False)
        schema = or_null(lifted.schema) if takes_null else lifted.schema
        if not takes_null and "type" not in schema:
            schema = {**schema, "not": {"type": "null"}}
        default = self.block.attributes.get("default")
        return Variable(
            name=self.name,
            file=self.block.file,
            line=self.block.line,
            type_text=kind.text if kind else "any",
            schema=schema,
            description=self._text("description"),
            has_default=default is not None,
            default=self._default(default, schema, is_sensitive=is_sensitive) if default else None,
            is_sensitive=is_sensitive,
            is_ephemeral=self._flag("ephemeral", default=False),
            messages=tuple(rule.message for rule in rules),
            plan_time_messages=lifted.remaining,
        )

    def _complain(self, reason: str, at: Expression | None = None) -> None:
        self.problems.append(Problem(self.block.file, at.line if at else self.block.line, reason))

    def _schema(self, kind: Expression | None) -> Schema:
        if kind is None:
            return {}
        try:
            return type_schema(kind)
        except TypeBrokenError as error:
            self.problems.append(error.problem(self.block.file))
            return {}

    def _rule(self, block: Block) -> Iterator[Rule]:
        condition, message = block.attributes.get("condition"), block.attributes.get("error_message")
        if block.kind != "validation":
            self.problems.append(Problem(block.file, block.line, f"a variable has no block {block.kind}"))
        elif condition is None or message is None:
            self.problems.append(Problem(block.file, block.line, "validation needs a condition and an error_message"))
        else:
            text = message.value if isinstance(message, Literal) else message.text.strip('"')
            yield Rule(condition=condition, message=" ".join(str(text).split()))

    def _text(self, name: str) -> str:
        match self.block.attributes.get(name):
            case None:
                return ""
            case Literal(value=str(text)):
                return " ".join(text.split())
            case other:
                self._complain(f"{name} has to be a plain text", other)
                return ""

    def _flag(self, name: str, *, default: bool) -> bool:
        match self.block.attributes.get(name):
            case None:
                return default
            case Literal(value=bool(value)):
                return value
            case other:
                self._complain(f"{name} has to be true or false", other)
                return default

    def _default(self, expression: Expression, schema: Schema, *, is_sensitive: bool) -> object:
        try:
            value = value_of(expression)
        except NotConstantError as error:
            self._complain(f"the default of {self.name}: {error}", expression)
            return None
        is_unset = value is None and self._flag("nullable", default=True)
        if not is_unset and not compile_schema(schema).is_valid(value):
            quoted = "" if is_sensitive else f", {expression.text[:80]},"
            self._complain(f"the default of {self.name}{quoted} is not of its type or breaks its own rules", expression)
        return value
