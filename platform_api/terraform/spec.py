"""What a run needs, said completely: nothing else of the platform reaches Terraform."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class ProviderWay(StrEnum):
    """How Terraform gets at the fleet provider."""

    REATTACH = "reattach"  # one provider a run, forked from the warm zygote; the credentials never touch the disk
    LAUNCH = "launch"  # Terraform starts it from the mirror for each command; hash check and TLS, five times the CPU


@dataclass(frozen=True, kw_only=True)
class Template:
    """A module in which ``terraform init`` was run once; runs work in copies of it."""

    folder: Path
    """Where it lies; nothing in it changes any more."""

    digest: str
    """What `platform_api.terraform.digests.tree_digest` says of it; every copy is measured against this."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run's needs. Shown in a log it tells no value and no credential."""

    run_id: str
    """Names the run's folder: 1 to 64 letters, digits, ``_`` and ``-``. The same run has the same folder in each
    attempt, for a saved plan remembers paths."""

    template: Template

    variables: Mapping[str, Any] = field(repr=False)
    """Variable name to JSON value; may hold secrets. Written to one 0600 file and nowhere else."""

    prior_state: bytes | None = field(default=None, repr=False)
    """The newest stored state; None for a first provision."""

    saved_plan: bytes | None = field(default=None, repr=False)
    """A plan of an earlier attempt that is to be applied now (`PlannedRun.plan`); None: there is none yet."""

    provider_way: ProviderWay = ProviderWay.REATTACH

    credentials: Mapping[str, Any] | None = field(default=None, repr=False)
    """Admin credentials as ``fleet_provider.credentials`` reads them; secret. None: the module needs no fleet."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that no event, plan view or failure may show."""

    stateful_types: frozenset[str] = frozenset()
    """Types of objects that hold data (``fleet_postgres_database``), by the offering's word."""
