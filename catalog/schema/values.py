"""Constant HCL expressions as JSON values."""

from typing import Any

from catalog.schema.expressions import Expression, Items, Literal, Members


class NotConstantError(Exception):
    """An expression whose value depends on something; defaults and bounds have to stand as they are."""

    def __init__(self, expression: Expression) -> None:
        super().__init__(f"{expression.text[:80]} is not a plain value")


def value_of(expression: Expression) -> Any:
    """Return the value as JSON has it.

    Raises:
        NotConstantError: Anything but literals, lists and objects of literals.
    """
    match expression:
        case Literal(value=value):
            return value
        case Items(items=items):
            return [value_of(item) for item in items]
        case Members(members=members):
            return {name: value_of(member) for name, member in members}
        case _:
            raise NotConstantError(expression)
