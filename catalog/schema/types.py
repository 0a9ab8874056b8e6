"""Terraform's type expressions as JSON Schema 2020-12.

Strict on purpose where Terraform converts silently, because a silent conversion hides a mistake: 7 is not ``"7"``, an
object's unknown attribute is an error, a set names each item once, and null stands only where an attribute is optional.
``any`` lets every value through; what Terraform makes of it shows in the plan.
"""

from typing import Any

import jsonschema_rs

from catalog.schema.expressions import Call, Expression, Items, Literal, Members, Reference
from catalog.schema.problems import Problem
from catalog.schema.values import NotConstantError, value_of

Schema = dict[str, Any]

PRIMITIVES: dict[str, Schema] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "any": {},
}
COLLECTIONS = frozenset({"list", "set", "map"})
OPTIONAL_ARGUMENTS = 2  # optional(TYPE) or optional(TYPE, DEFAULT)


class TypeBrokenError(Exception):
    """A type expression that Terraform would not take, or that is not understood here.

    Attributes:
        line: Where it stands.
        reason: What is wrong with it.
    """

    def __init__(self, at: Expression, reason: str) -> None:
        self.line, self.reason = at.line, reason
        super().__init__(reason)

    def problem(self, file: str) -> Problem:
        """Return it as a finding."""
        return Problem(file, self.line, self.reason)


def type_schema(expression: Expression) -> Schema:
    """Return the schema of the values that have this type.

    Raises:
        TypeBrokenError: No type, or ``optional()`` outside of an object.
    """
    match expression:
        case Reference(path=(name,)) if name in PRIMITIVES:
            return dict(PRIMITIVES[name])
        case Reference(path=(name,)) | Literal(value=str(name)) if name in COLLECTIONS:
            return _collection(name, {})  # before Terraform 0.12 a bare name meant items of any type; still taken
        case Call(name=name, arguments=(item,)) if name in COLLECTIONS:
            return _collection(name, type_schema(item))
        case Call(name="tuple", arguments=(Items(items=items),)):
            return _tuple([type_schema(item) for item in items])
        case Call(name="object", arguments=(Members() as members,)):
            return _object(members)
        case Call(name="optional"):
            raise TypeBrokenError(expression, "optional() stands only at an attribute of an object")
        case _:
            reason = (
                f"{expression.text[:80]} is not a type; types are string, number, bool, any, list(…), set(…), map(…), "
                "tuple([…]) and object({…})"
            )
            raise TypeBrokenError(expression, reason)


def or_null(schema: Schema) -> Schema:
    """Return a schema that takes null beside what it takes already."""
    widened = dict(schema)
    if "type" in widened:
        kinds = widened["type"]
        widened["type"] = [*([kinds] if isinstance(kinds, str) else kinds), "null"]
    if "enum" in widened:
        widened["enum"] = [*widened["enum"], None]
    return widened


def _collection(name: str, item: Schema) -> Schema:
    if name == "map":
        return {"type": "object", "additionalProperties": item or True}
    unique = {"uniqueItems": True} if name == "set" else {}
    return {"type": "array", "items": item, **unique}


def _tuple(items: list[Schema]) -> Schema:
    each = {"prefixItems": items} if items else {}  # JSON Schema wants at least one there
    return {"type": "array", **each, "minItems": len(items), "maxItems": len(items)}


def _object(of: Members) -> Schema:
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for name, kind in of.members:
        if name in properties:
            raise TypeBrokenError(kind, f"the attribute {name} stands twice in one object")
        if isinstance(kind, Call) and kind.name == "optional":
            properties[name] = _optional(kind)
        else:
            properties[name] = type_schema(kind)
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _optional(call: Call) -> Schema:
    if not 1 <= len(call.arguments) <= OPTIONAL_ARGUMENTS:
        raise TypeBrokenError(call, "optional() takes a type and, if wanted, a default")
    inner = type_schema(call.arguments[0])
    if len(call.arguments) == 1:
        return or_null(inner)
    try:
        default = value_of(call.arguments[1])
    except NotConstantError as error:
        raise TypeBrokenError(call.arguments[1], str(error)) from None
    widened = or_null(inner)
    if not jsonschema_rs.is_valid(widened, default):
        raise TypeBrokenError(call.arguments[1], f"the default {call.arguments[1].text[:80]} is not of its type")
    return {**widened, "default": default}
