"""Writes the generated part of docs/lifecycles.md: ``python -m tests.unit.provisioning.lifecycles``."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from provisioning.states import (
    MACHINES,
    REQUEST_MOVES,
    RESOURCE_MOVES,
    RUN_MOVES,
    RequestStatus,
    ResourceStatus,
    RunStatus,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "lifecycles.md"
BEGIN, END = "<!-- BEGIN GENERATED -->\n", "<!-- END GENERATED -->\n"


def rendered() -> str:
    """Return one table for each machine."""
    return "\n".join(
        [
            _table("run", "Run", RunStatus, RUN_MOVES),
            _table("provisioning_request", "Request", RequestStatus, REQUEST_MOVES),
            _table("resource", "Resource", ResourceStatus, RESOURCE_MOVES),
        ]
    )


def _table(
    machine: str,
    title: str,
    statuses: type[RunStatus] | type[RequestStatus] | type[ResourceStatus],
    moves: Mapping[RunStatus, frozenset[RunStatus]]
    | Mapping[RequestStatus, frozenset[RequestStatus]]
    | Mapping[ResourceStatus, frozenset[ResourceStatus]],
) -> str:
    following: dict[Enum, set[str]] = {source: {*targets} for source, targets in moves.items()}
    lines = [
        f"## {title}",
        "",
        f"Begins as `{MACHINES[machine][0]}`.",
        "",
        "| Status | Means | May go to |",
        "|---|---|---|",
    ]
    for status in statuses:
        after = following.get(status)
        told = ", ".join(f"`{each}`" for each in statuses.values if each in after) if after else "final"
        lines.append(f"| `{status.value}` | {status.label} | {told} |")
    return "\n".join([*lines, ""])


def document_write() -> None:
    """Put the tables between the markers."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}{rendered()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    document_write()
