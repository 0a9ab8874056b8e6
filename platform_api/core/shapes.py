"""Shapes: what goes in and out, as typed structs; one class is the parser, the encoder and the document of the API."""

from decimal import Decimal
from typing import Self

import msgspec


class Shape(msgspec.Struct, kw_only=True):
    """Something that is answered; what is absent is null, never a missing key."""


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Something that is sent; an unknown field is a fault, not ignored."""


class Money(Shape):
    """An amount of money."""

    amount: str
    """Decimal number with two places, as text: never a float."""

    currency: str
    """ISO 4217 code."""


class Cost(Shape):
    """What something costs."""

    monthly: Money

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> Self:
        """Return what costs an amount a month."""
        return cls(monthly=Money(amount=str(amount), currency=currency))
