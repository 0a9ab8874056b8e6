"""What all resources share: reaching the server, judging attributes, refusing what is another's."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from tf.iface import Config, Resource
from tf.schema import Attribute
from tf.types import String, Unknown
from tf.utils import Diagnostics, ExtType

from fleet_provider.clients.postgres import Postgres
from fleet_provider.clients.valkey import Valkey
from fleet_provider.faults import Fault

NAME = re.compile(r"(?!pg_)[a-z][a-z0-9_]{0,62}")
RESERVED_NAMES = frozenset({"postgres", "public", "none", "template0", "template1"})
MANAGED_BY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}")


class Fleet(Protocol):
    """What a resource needs of the provider that it belongs to."""

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL server that the credentials name."""

    @property
    def valkey(self) -> Valkey:
        """The Valkey that the credentials name."""


class FleetResource(Resource):  # type: ignore[misc]  # tf ships no types
    """A resource on a server of the fleet.

    A method that meets foreseen trouble raises ``Fault``; the servicer turns it into a diagnostic and keeps
    the state that Terraform had.
    """

    ID = Attribute("id", String(), description="What `terraform import` takes for this object.", computed=True)

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def validate(self, diags: Diagnostics, type_name: str, config: Config) -> None:
        """Check the configuration as far as its values are known yet; the server is not asked."""
        super().validate(diags, type_name, config)
        plain = {key: _plain(value) for key, value in config.items()}
        known = {key: value for key, value in plain.items() if value is not None and value is not Unknown}
        for fault in self.faults(known):
            diags.add_error(fault.summary, fault.text, path=[fault.attribute])

    def faults(self, known: Mapping[str, Any]) -> list[Fault]:
        """Return what is wrong with the known attributes, each with its name."""
        raise NotImplementedError


def _plain(value: Any) -> Any:
    """Take a value of which Terraform knows only a part, such as how a text begins, for unknown; tf does not."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return Unknown if isinstance(value, ExtType) else value


def name_faults(attribute: str, value: object) -> list[Fault]:
    """Judge the name of a role or database."""
    if isinstance(value, str) and NAME.fullmatch(value) and value not in RESERVED_NAMES:
        return []
    return [
        Fault(
            f"{attribute} is not a usable name",
            detail=f"Found {value!r}.",
            remedy="Allowed: a lower-case letter, then up to 62 lower-case letters, digits or underscores; "
            f"not beginning with pg_, and none of {', '.join(sorted(RESERVED_NAMES))}.",
            attribute=attribute,
        )
    ]


def managed_by_faults(value: object) -> list[Fault]:
    """Judge the mark of an object."""
    if isinstance(value, str) and MANAGED_BY.fullmatch(value):
        return []
    return [
        Fault(
            "managed_by is not a usable mark",
            detail=f"Found {value!r}.",
            remedy="Allowed: 1 to 200 letters, digits and _ . : / - beginning with a letter or digit.",
            attribute="managed_by",
        )
    ]


def whole_number_faults(attribute: str, value: object, *, lowest: int, highest: int, meaning: str) -> list[Fault]:
    """Judge a whole number by its range."""
    is_in_range = isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest
    if is_in_range and float(str(value)).is_integer():
        return []
    return [
        Fault(
            f"{attribute} is out of range",
            detail=f"Found {value}.",
            remedy=f"Allowed: a whole number from {lowest} to {highest}; {meaning}.",
            attribute=attribute,
        )
    ]


def stranger(kind: str, name: str, *, why: str) -> Fault:
    """Return the refusal to take over an object that is not provably ours."""
    return Fault(
        f'{kind} "{name}" exists and is not ours',
        detail=f"{why} Nothing was changed.",
        remedy="Choose another name, or drop or rename the existing one. To take it over on purpose, run "
        "terraform import.",
    )


def missing(kind: str, name: str) -> Fault:
    """Return the refusal to import or change what is not there."""
    return Fault(
        f'No {kind} "{name}"',
        detail=f"The server has no {kind} of that name.",
        remedy="Check the name; if it was dropped, plan and apply again to make it anew.",
    )
