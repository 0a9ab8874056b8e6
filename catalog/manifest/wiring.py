"""Wiring: where a component of a composed offering takes a parameter from, and what that makes of the order of all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from platform_api.core.judgement import Finding, Judge

WHOLE = "parameters"
"""Stands in a wiring for the parameters of the whole; no component can have this name."""


class WiringCycleError(Exception):
    """Components that need each other, so that none can be the first.

    Attributes:
        names: The way round, from a component back to itself.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(" needs ".join(self.names))


@dataclass(frozen=True)
class WholeParameter:
    """A parameter of the whole."""

    name: str


@dataclass(frozen=True)
class ComponentOutput:
    """An output of another component; known once that is there."""

    component: str
    output: str


Source = WholeParameter | ComponentOutput


def source_parse(text: str) -> Source:
    """Read ``parameters.<name>`` or ``<component>.outputs.<output>``; the manifest's schema has judged the form."""
    first, _, rest = text.partition(".")
    return WholeParameter(rest) if first == WHOLE else ComponentOutput(first, rest.partition(".")[2])


@dataclass(frozen=True, kw_only=True)
class Wires:
    """The wiring of one component.

    Attributes:
        sources: Where each wired parameter comes from.
    """

    sources: Mapping[str, Source]

    @classmethod
    def of(cls, component: Mapping[str, Any]) -> "Wires":
        """Read the wiring of a component of a manifest."""
        return cls(sources={name: source_parse(text) for name, text in (component.get("wiring") or {}).items()})

    @property
    def given(self) -> dict[str, str]:
        """Parameter of the component → parameter of the whole that it is given."""
        return {name: source.name for name, source in self.sources.items() if isinstance(source, WholeParameter)}

    @property
    def awaited(self) -> dict[str, ComponentOutput]:
        """Parameter of the component → output that it waits for."""
        return {name: source for name, source in self.sources.items() if isinstance(source, ComponentOutput)}

    @property
    def needs(self) -> dict[str, dict[str, str]]:
        """Component that is needed → what is taken of it, as parameter → output."""
        taken: dict[str, dict[str, str]] = {}
        for name, source in self.awaited.items():
            taken.setdefault(source.component, {})[name] = source.output
        return taken


def dependency_order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return all components so that each comes after those that it needs.

    Args:
        needs: Names of the components that each one needs.

    Raises:
        WiringCycleError: Some need each other.
    """
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise WiringCycleError(reversed(error.args[1])) from error


def known_findings(judge: Judge, parameters: Mapping[str, Any], *, awaited: Iterable[str]) -> list[Finding]:
    """Return what is wrong with a component's parameters as far as they are known.

    Args:
        judge: Judges the parameters of its plan.
        parameters: Those that are known.
        awaited: Names of those that come from other components later; they are not missed.
    """
    later = {f"{judge.root}/{name}" for name in awaited}
    return [
        finding
        for finding in judge.judge(dict(parameters))
        if not (finding["code"] == "field_missing" and finding["pointer"] in later)
    ]
