"""Shapes: what goes in and out, as typed structs; one class is the parser, the encoder and the document of the API."""

import atexit
import gc
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from platform_api.core.ids import Prefix, pattern_of


def _id(prefix: Prefix) -> Meta:
    return Meta(pattern=pattern_of(prefix))


EnvironmentId = Annotated[str, _id(Prefix.ENVIRONMENT)]
EventId = Annotated[str, _id(Prefix.AUDIT_EVENT)]
OfferingId = Annotated[str, _id(Prefix.OFFERING)]
ProjectId = Annotated[str, _id(Prefix.PROJECT)]
QuotaId = Annotated[str, _id(Prefix.QUOTA)]
RequestId = Annotated[str, _id(Prefix.PROVISIONING_REQUEST)]
ResourceId = Annotated[str, _id(Prefix.RESOURCE)]
RunId = Annotated[str, _id(Prefix.RUN)]
TeamId = Annotated[str, _id(Prefix.TEAM)]
TokenId = Annotated[str, _id(Prefix.API_TOKEN)]


def choice_of(choices: Iterable[tuple[str, str]]) -> Meta:
    """Return what a member of an answer is that is one of a few words.

    Args:
        choices: Each word, and what it means.
    """
    told = dict(choices)
    meanings = "\n".join(f"- `{word}`: {meaning}." for word, meaning in told.items())
    return Meta(description=meanings, extra_json_schema={"enum": list(told)})


class Shape(msgspec.Struct, kw_only=True):
    """Something that is answered; what is absent is null, never a missing key."""


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Something that is sent; an unknown field is a fault, not ignored."""


# One process in five crashes at its end, while msgspec's Meta objects are taken down (its issue 717); what is frozen is
# not taken down.
atexit.register(gc.freeze)


def structs_prepare() -> None:
    """Have msgspec look at every struct that is known, before there are threads.

    It looks at a struct when it is first read, and two threads that do so at once bring the process down (msgspec 0.22;
    nine times in ten where 16 threads begin together).
    """
    for struct in _structs_below(msgspec.Struct):
        with suppress(TypeError):  # what cannot be read at all is only ever written
            msgspec.json.Decoder(struct)


def _structs_below(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for each in struct.__subclasses__():
        yield each
        yield from _structs_below(each)


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
