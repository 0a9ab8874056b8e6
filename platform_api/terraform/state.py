"""Terraform's state as a value: which version it is, what it holds, what of it may be shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from platform_api.core.errors import FaultError

_FORMAT = 4  # of the state file, since Terraform 0.12


class StateUnreadableError(FaultError):
    """The bytes are no state, or only the first part of one."""

    code = "terraform_state_unreadable"
    title = "A Terraform state could not be read"
    remedy = "Take the version stored before it; if every version is like this, ask the platform's operators."


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The module's outputs by name, as JSON values."""

    shown: Mapping[str, Any]
    sensitive: Mapping[str, Any] = field(repr=False)
    """Those that the module marks as sensitive; seal them, show them to their owner only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StateVersion:
    """One complete state, as Terraform wrote it. Its content holds secrets."""

    lineage: str
    """Names the history that this version belongs to; made with the first state of a resource."""

    serial: int
    """Counts the versions of one lineage, upwards; 0 or more."""

    content: bytes = field(repr=False)

    addresses: tuple[str, ...]
    """The objects that exist according to it; a managed resource with several instances is named once."""

    instances: frozenset[str] = frozenset()
    """The same with each instance by its own address (``module.a.fleet_x.y["key"]``), as events name them."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a state file's bytes.

        Raises:
            StateUnreadableError: They are no complete state of format 4. The text quotes nothing of them.
        """
        document = _document(content)
        lineage, serial = document.get("lineage"), document.get("serial")
        if (
            document.get("version") != _FORMAT
            or not isinstance(lineage, str)
            or not isinstance(serial, int)
            or serial < 0
        ):
            raise StateUnreadableError("It has no version 4, lineage and serial.")
        instances = _instances(document)
        return cls(
            lineage=lineage,
            serial=serial,
            content=content,
            addresses=tuple(instances),
            instances=frozenset(address for each in instances.values() for address in each),
        )

    @property
    def outputs(self) -> Outputs:
        """The outputs as of this version, split by who may see them.

        Raises:
            StateUnreadableError: They are not of the form that Terraform writes.
        """
        shown: dict[str, Any] = {}
        sensitive: dict[str, Any] = {}
        outputs = _document(self.content).get("outputs", {})
        if not isinstance(outputs, dict):
            raise StateUnreadableError('Its "outputs" are no object.')
        for name, output in outputs.items():
            if not isinstance(output, dict) or "value" not in output:
                raise StateUnreadableError(f'Its output "{name}" has no value.')
            (sensitive if output.get("sensitive", False) else shown)[name] = output["value"]
        return Outputs(shown=shown, sensitive=sensitive)

    def is_newer_than(self, other: "StateVersion | None") -> bool:
        """Whether it continues the other's history; a state of a foreign lineage never does."""
        return other is None or (self.lineage == other.lineage and self.serial > other.serial)


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise StateUnreadableError("It is no complete JSON.") from None
    if not isinstance(document, dict):
        raise StateUnreadableError("It is no JSON object.")
    return document


def _instances(document: dict[str, Any]) -> dict[str, list[str]]:
    """Return the addresses of instances by the address of what they are instances of."""
    resources = document.get("resources", [])
    if not isinstance(resources, list):
        raise StateUnreadableError('Its "resources" are no list.')
    found: dict[str, list[str]] = {}
    for resource in resources:
        if not isinstance(resource, dict):
            raise StateUnreadableError("One of its resources is no object.")
        if resource.get("mode") == "managed" and resource.get("instances"):
            parts = (resource.get("module"), resource.get("type"), resource.get("name"))
            address = ".".join(str(part) for part in parts if part)
            keys = (each.get("index_key") for each in resource["instances"])
            found[address] = [address if key is None else f"{address}[{json.dumps(key)}]" for key in keys]
    return found
