"""Asks: what a caller wants, read but not judged; and what they are answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from catalog.selectors.outdated import Outdated
from platform_api.core.callers import Caller
from platform_api.core.conditions import WHATEVER, Seen
from platform_api.idempotency.services.keys import OrderKey


@dataclass(frozen=True, kw_only=True)
class NewResource:
    """An ask for something that is not there yet.

    Attributes:
        offering: Slug.
        plan: Slug.
        version: Number; None for the newest published one.
        project: Slug or id.
        environment: Name or id.
        name: What it shall be called there.
        parameters: What the offering lets a caller set.
        reason: Why, in the caller's words.
        ticket: Where it is tracked.
    """

    offering: str
    plan: str
    version: str | None
    project: str
    environment: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    ticket: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """An ask about something that is there.

    Attributes:
        operation: ``update``, ``rotate`` or ``deprovision``.
        resource: Its id.
        plan: Slug; None leaves it.
        version: Number; None leaves it.
        parameters: Those to change; others stay.
        confirm: The resource's name, repeated, for a deprovision.
        reason: Why, in the caller's words.
        ticket: Where it is tracked.
        retry_of: The request that came to nothing, and is asked for again by this one.
    """

    operation: str
    resource: str
    plan: str | None = None
    version: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    confirm: str | None = None
    reason: str = ""
    ticket: str | None = None
    retry_of: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Retry:
    """An ask that what another request came to nothing with be done after all.

    Attributes:
        request: The other one's id.
        reason: Why, in the caller's words; empty takes the other one's.
        ticket: Where it is tracked; None takes the other one's.
    """

    request: str
    reason: str = ""
    ticket: str | None = None


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Who asks, under which key, and having seen what of a resource that is to be changed."""

    caller: Caller
    order_key: OrderKey
    seen: Seen = WHATEVER


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an accepted ask is answered; the very bytes, so that a repeated order gets them again.

    Attributes:
        body: A ``RequestShape`` as JSON.
        location: Where the request is.
        outdated: What to tell of the version that it is about; an answer that is given again does not.
        is_replay: Whether it is the answer to an earlier call with the same key.
    """

    body: bytes
    location: str
    outdated: Outdated | None = None
    is_replay: bool = False
