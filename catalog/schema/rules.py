"""Validation blocks as JSON Schema: what a rule says by a simple shape is said in the schema, and so before a plan.

A rule is only ever lifted when the schema refuses nothing that the rule takes. Of a conjunction the parts that have a
shape are lifted; the rest stays with Terraform, which judges every rule again at plan time anyway.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from catalog.schema.expressions import (
    Call,
    Conditional,
    Expression,
    ForEach,
    Items,
    Literal,
    Negation,
    Operation,
    Reference,
)
from catalog.schema.types import Schema
from catalog.schema.values import NotConstantError, value_of
from platform_api.core.judgement import compile_schema

MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
BOUNDS = {"<": "exclusiveMaximum", "<=": "maximum", ">": "exclusiveMinimum", ">=": "minimum"}
LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "map": ("minProperties", "maxProperties"),
}

PORTABLE_ESCAPES = frozenset("dDwWnrtfv.^$*+?()[]{}|/\\-\"'_:=@# ")
"""Escapes that RE2 (Terraform) and ECMA-262 (JSON Schema) read alike; not so are s, S, b, B, A, z, p and Q."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One validation block.

    Attributes:
        condition: What has to hold.
        message: What the module tells when it does not; says what is allowed.
    """

    condition: Expression
    message: str


@dataclass(frozen=True, kw_only=True)
class Lifted:
    """What became of a variable's rules.

    Attributes:
        schema: The variable's schema with what could be said in it.
        allows_null: Every rule says by itself that null is fine.
        remaining: Messages of rules that, whole or in part, only a plan can judge.
    """

    schema: Schema
    allows_null: bool
    remaining: tuple[str, ...]


def rules_lift(schema: Schema, rules: list[Rule], *, variable: str) -> Lifted:
    """Return a variable's schema narrowed by its rules.

    Args:
        schema: The schema of its type.
        rules: Its validation blocks.
        variable: Its name; conditions call it ``var.<name>``.
    """
    subject = ("var", variable)
    allows_null = True
    remaining: list[str] = []
    narrowed = schema
    for rule in rules:
        condition, names_null = _without_null_arm(rule.condition, subject)
        allows_null = allows_null and names_null
        for part in _conjuncts(condition):
            lifted = _lift(part, subject, schema)
            if lifted is None:
                remaining.append(rule.message)
            else:
                narrowed = _merge(narrowed, lifted)
    return Lifted(schema=narrowed, allows_null=allows_null, remaining=tuple(dict.fromkeys(remaining)))


def _conjuncts(condition: Expression) -> Iterator[Expression]:
    if isinstance(condition, Operation) and condition.operator == "&&":
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    else:
        yield condition


def _without_null_arm(condition: Expression, subject: tuple[str, ...]) -> tuple[Expression, bool]:
    """Split ``var.x == null ? true : rest`` and ``var.x == null || rest``; other conditions do not take null.

    Before 1.12 Terraform judges both sides of ``||``, so that only the first form is safe there.
    """
    match condition:
        case Conditional(condition=test, then=Literal(value=True), otherwise=rest) if _is_null(test, subject):
            return rest, True
        case Operation(operator="||", left=test, right=rest) if _is_null(test, subject):
            return rest, True
        case Operation(operator="||", left=rest, right=test) if _is_null(test, subject):
            return rest, True
        case _:
            return condition, False


def _is_null(test: Expression, subject: tuple[str, ...]) -> bool:
    match test:
        case Operation(operator="==", left=left, right=Literal(value=None)):
            return _is(left, subject)
        case _:
            return False


def _lift(  # noqa: PLR0911 - one arm for each shape
    condition: Expression, subject: tuple[str, ...], schema: Schema
) -> Schema | None:
    """Return the schema that says exactly what the condition says, or None where it has no such shape."""
    match condition:
        case Operation(operator="&&", left=left, right=right):
            return _combine("allOf", left, right, subject, schema)
        case Operation(operator="||", left=left, right=right):
            return _combine("anyOf", left, right, subject, schema)
        case Operation():
            return _comparison(condition, subject, schema)
        case Negation(operand=operand):
            inner = _lift(operand, subject, schema)
            return None if inner is None else {"not": {**_type_of(schema), **inner}}
        case Call(name="alltrue", arguments=(ForEach() as each,)):
            return _of_items(each, subject, schema)
        case Call(name=name, arguments=arguments) if name in CALLS:
            return CALLS[name](arguments, subject, schema)
        case _:
            return None


def _type_of(schema: Schema) -> Schema:
    """Return the type alone: a bound says nothing about other types, so that its negation would refuse null."""
    return {"type": schema["type"]} if "type" in schema else {}


def _combine(
    keyword: str, left: Expression, right: Expression, subject: tuple[str, ...], schema: Schema
) -> Schema | None:
    arms = [_lift(left, subject, schema), _lift(right, subject, schema)]
    if any(arm is None for arm in arms):
        return None
    if keyword == "anyOf" and all(arm is not None and arm.keys() == {"enum"} for arm in arms):
        return {"enum": [choice for arm in arms if arm for choice in arm["enum"]]}
    return {keyword: arms}


def _comparison(  # noqa: PLR0911 - one arm for each shape
    condition: Operation, subject: tuple[str, ...], schema: Schema
) -> Schema | None:
    left, operator, right = condition.left, condition.operator, condition.right
    if operator not in MIRRORED:
        return None
    if isinstance(left, Literal):
        left, operator, right = right, MIRRORED[operator], left
    if operator == "==" and _is_rounded(left, right, subject) and schema.get("type") == "number":
        return {"type": "integer"}
    if not isinstance(right, Literal) or right.value is None:
        return None
    match left:
        case Operation(operator="%", left=dividend, right=Literal(value=int(divisor))) if _is(dividend, subject):
            return {"multipleOf": divisor} if (operator, right.value) == ("==", 0) and divisor > 0 else None
    if _is_length_of(left, subject):
        return _length(operator, right.value, schema)
    if not _is(left, subject) or not jsonschema_rs.is_valid(schema, right.value):
        return None
    if operator == "==":
        return {"enum": [right.value]}
    if operator == "!=":
        return {"not": {"enum": [right.value]}}
    return {BOUNDS[operator]: right.value} if schema.get("type") == "number" else None


def _is(expression: Expression, subject: tuple[str, ...]) -> bool:
    return isinstance(expression, Reference) and expression.path == subject


def _is_length_of(expression: Expression, subject: tuple[str, ...]) -> bool:
    match expression:
        case Call(name="length", arguments=(inner,)):
            return _is(inner, subject)
    return False


def _is_rounded(left: Expression, right: Expression, subject: tuple[str, ...]) -> bool:
    """Tell whether this is ``floor(x) == x`` or the like, either way round."""
    for rounded, plain in ((left, right), (right, left)):
        match rounded:
            case Call(name="floor" | "ceil", arguments=(inner,)) if _is(inner, subject) and _is(plain, subject):
                return True
    return False


def _length(operator: str, count: Any, schema: Schema) -> Schema | None:
    """Return bounds of a length; Terraform counts characters as a reader sees them, which are never more than ours."""
    is_map = schema.get("type") == "object" and "properties" not in schema
    keywords = LENGTHS.get("map" if is_map else str(schema.get("type")))
    if keywords is None or isinstance(count, bool | str) or count != int(count):
        return None
    least, most = keywords
    whole = int(count)
    bounds: dict[str, Schema] = {
        ">=": {least: whole},
        ">": {least: whole + 1},
        "<=": {most: whole},
        "<": {most: whole - 1},
        "==": {least: whole, most: whole},
    }
    found = bounds.get(operator)
    return None if found is None or min(found.values()) < 0 else found


def _of_items(each: ForEach, subject: tuple[str, ...], schema: Schema) -> Schema | None:
    """Lift a rule on every item of a list or set, or on every value of a map."""
    keyword = {"array": "items", "object": "additionalProperties"}.get(str(schema.get("type")))
    item = schema.get(keyword) if keyword else None
    if not _is(each.collection, subject) or not isinstance(item, dict):
        return None
    inner = _lift(each.body, (each.name,), item)
    return None if inner is None or keyword is None else {keyword: _merge(item, inner)}


def _contains(arguments: tuple[Expression, ...], subject: tuple[str, ...], schema: Schema) -> Schema | None:
    match arguments:
        case (Items() as choices, needle) if _is(needle, subject):
            try:
                values = value_of(choices)
            except NotConstantError:
                return None
            return {"enum": values} if all(jsonschema_rs.is_valid(schema, value) for value in values) else None
    return None


def _can(arguments: tuple[Expression, ...], subject: tuple[str, ...], schema: Schema) -> Schema | None:
    match arguments:
        case (Call(name="regex", arguments=(Literal(value=str(pattern)), text)),) if _is(text, subject):
            return {"pattern": pattern} if schema.get("type") == "string" and is_portable(pattern) else None
    return None


def _prefix(arguments: tuple[Expression, ...], subject: tuple[str, ...], schema: Schema) -> Schema | None:
    return _affix(arguments, subject, "^{}")


def _suffix(arguments: tuple[Expression, ...], subject: tuple[str, ...], schema: Schema) -> Schema | None:
    return _affix(arguments, subject, "{}$")


def _affix(arguments: tuple[Expression, ...], subject: tuple[str, ...], form: str) -> Schema | None:
    match arguments:
        case (text, Literal(value=str(affix))) if _is(text, subject):
            return {"pattern": form.format(re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", affix))}
    return None


CALLS: dict[str, Callable[[tuple[Expression, ...], tuple[str, ...], Schema], Schema | None]] = {
    "contains": _contains,
    "can": _can,
    "startswith": _prefix,
    "endswith": _suffix,
}


def is_portable(pattern: str) -> bool:
    """Tell whether a regular expression means the same in Terraform, in JSON Schema and in our validator."""
    if any(escape not in PORTABLE_ESCAPES for escape in re.findall(r"\\(.)", pattern, flags=re.DOTALL)):
        return False
    plain = re.sub(r"\\.", "", pattern, flags=re.DOTALL)
    if re.search(r"\(\?(?!:)", plain) or re.search(r"\[[^\]]*(?:\[|&&|--|~~)", plain):
        return False
    try:
        compile_schema({"pattern": pattern})
    except ValueError:
        return False
    return True


def _merge(schema: Schema, narrower: Schema) -> Schema:
    """Return a schema that takes what both take, as flat as it can be said."""
    merged = dict(schema)
    apart: Schema = {}
    for keyword, value in narrower.items():
        if keyword not in merged or keyword in {"type", "items", "additionalProperties"}:
            merged[keyword] = value  # each of these was made from what it replaces, and is narrower
        elif keyword in {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}:
            merged[keyword] = max(merged[keyword], value)
        elif keyword in {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}:
            merged[keyword] = min(merged[keyword], value)
        elif keyword == "enum":
            merged[keyword] = [choice for choice in merged[keyword] if choice in value]
        else:
            apart[keyword] = value
    if apart:
        merged["allOf"] = [*schema.get("allOf", []), *(apart.pop("allOf", [])), *([apart] if apart else [])]
    return merged
