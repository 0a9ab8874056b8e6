"""Ids: UUIDv7 in the database, TypeIDs (``req_01jd…``) outside; each kind of thing has one prefix."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import uuid_utils
from typeid import TypeID
from typeid.errors import TypeIDException
from uuid_utils.compat import uuid7

from platform_api.core.errors import NotFoundError


class Prefix(StrEnum):
    """The word before the underscore; permanent, because people keep ids in tickets and scripts."""

    USER = "usr"
    TEAM = "team"
    PROJECT = "prj"
    API_TOKEN = "tok"  # noqa: S105 - a prefix, not a token
    AUDIT_EVENT = "evt"
    OFFERING = "off"
    OFFERING_VERSION = "ofv"
    PLAN = "plan"
    CONNECTION = "con"
    ENVIRONMENT = "env"
    PROVISIONING_REQUEST = "req"
    RESOURCE = "res"
    RUN = "run"
    QUOTA = "quo"
    POLICY_DECISION = "dec"
    TRUST_RULE = "tru"


PREFIX_OF_KIND: Mapping[str, Prefix] = {
    "user": Prefix.USER,
    "team": Prefix.TEAM,
    "project": Prefix.PROJECT,
    "api_token": Prefix.API_TOKEN,
    "connection": Prefix.CONNECTION,
    "environment": Prefix.ENVIRONMENT,
    "offering": Prefix.OFFERING,
    "offering_version": Prefix.OFFERING_VERSION,
    "provisioning_request": Prefix.PROVISIONING_REQUEST,
    "quota": Prefix.QUOTA,
    "resource": Prefix.RESOURCE,
    "run": Prefix.RUN,
    "trust_rule": Prefix.TRUST_RULE,
}
"""Prefix by the kind of thing, as audit events name the kind of their object."""

KIND_OF_PREFIX: Mapping[Prefix, str] = {prefix: kind for kind, prefix in PREFIX_OF_KIND.items()}
"""The same the other way round."""


class UnknownIdError(NotFoundError):
    """An id that cannot name anything; answered exactly like one that names nothing."""

    code = "not_found"
    title = "There is no such thing, or it is not yours to see"


def new_id() -> UUID:
    """Make an id that sorts by the time it was made, also within one millisecond of one process (RFC 9562)."""
    return uuid7()


@lru_cache(maxsize=4096)  # an answer says the same few ids again and again
def show(prefix: Prefix, value: UUID) -> str:
    """Return the id as people see it: prefix, underscore, 26 characters of base 32."""
    return str(TypeID.from_uuid(uuid_utils.UUID(int=value.int), prefix=prefix.value))


def pattern_of(prefix: Prefix) -> str:
    """Return what ids of a kind look like, as a pattern."""
    return rf"^{prefix.value}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"


def parse(prefix: Prefix, text: str) -> UUID:
    """Read an id of one kind.

    Raises:
        UnknownIdError: Another kind's id, or no id at all: nothing can have it.
    """
    try:
        type_id = TypeID.from_string(text)
    except TypeIDException as error:
        raise UnknownIdError from error
    if type_id.prefix != prefix.value or text != str(type_id):
        raise UnknownIdError
    return UUID(int=type_id.uuid.int)


def read(text: str) -> tuple[Prefix, UUID]:
    """Read an id of whatever kind.

    Raises:
        UnknownIdError: Not an id: nothing can have it.
    """
    try:
        prefix = Prefix(text.rpartition("_")[0])
    except ValueError as error:
        raise UnknownIdError from error
    return prefix, parse(prefix, text)


def lowest_id(moment: datetime) -> UUID:
    """Return what no id that was made at or after a moment is smaller than, to the millisecond."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def is_id(prefix: Prefix, text: str) -> bool:
    """Tell whether the text is meant as an id of this kind, and not as a slug: slugs have no underscore."""
    return text.startswith(f"{prefix.value}_")
