"""A composed offering as a checkout has it: a manifest without a module, that names others and wires them together."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from catalog.manifest.documents import Document, document_read
from catalog.manifest.packing import manifest_pack
from catalog.manifest.reading import FORMAT, MANIFEST, format_load, manifest_read
from catalog.manifest.wiring import WHOLE, WholeParameter, Wires, WiringCycleError, dependency_order, known_findings
from catalog.schema.compiler import DIALECT
from catalog.schema.problems import ModuleBrokenError, Problem
from catalog.schema.types import Schema
from platform_api.core.judgement import Judge

COMPOSED_FORMAT = Path(__file__).with_name("composition.schema.json")
COMMON = ("format", "slug", "version", "title", "description", "tags", "owner", "support", "links")
"""Members that both forms of manifest have; their schema stands in the one of modules."""

PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


@dataclass(frozen=True, kw_only=True)
class ComposedCandidate:
    """A composed offering as a checkout has it, found sound as far as it can be told without the catalog.

    Attributes:
        folder: Where the manifest is.
        manifest: The manifest; an expiry that it leaves out is None.
        document: The same, with its lines.
        parameters_schema: JSON Schema of what may be set for the whole.
        packed: The packed manifest.
    """

    folder: Path
    manifest: dict[str, Any]
    document: Document
    parameters_schema: Schema
    packed: bytes


@dataclass(frozen=True, kw_only=True)
class ComponentFacts:
    """What the catalog knows of the offering, version and plan that a component names.

    Attributes:
        judge: Judges the parameters of the plan.
        settable: Names of the parameters that may be set.
        shown_outputs: Outputs that others may be wired to.
        allows_ephemeral: May stand in an environment that expires.
        currency: ISO 4217 code of its price.
    """

    judge: Judge
    settable: frozenset[str]
    shown_outputs: frozenset[str]
    allows_ephemeral: bool
    currency: str


def is_composed(folder: Path) -> bool:
    """Tell whether a folder's manifest names components; one that cannot be read does not."""
    try:
        value = document_read(folder / MANIFEST).value
    except ModuleBrokenError:
        return False
    return isinstance(value, dict) and "components" in value


def composed_read(folder: Path) -> ComposedCandidate:
    """Read and check the manifest of a composed offering.

    Raises:
        ModuleBrokenError: With everything that is wrong in it.
    """
    document = manifest_read(folder, judge=_format_judge())
    packed = manifest_pack(folder, MANIFEST)
    problems = list(_Structure(document).problems())
    if problems:
        raise ModuleBrokenError(problems)
    manifest = {"expiry": None, **document.value}
    return ComposedCandidate(
        folder=folder,
        manifest=manifest,
        document=document,
        parameters_schema=whole_schema(manifest["parameters"]),
        packed=packed,
    )


def whole_schema(parameters: Mapping[str, Schema]) -> Schema:
    """Return the JSON Schema of what may be set for the whole; what has no default has to be set."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": dict(parameters),
        "required": [name for name, schema in parameters.items() if "default" not in schema],
        "additionalProperties": False,
    }


def problems_with(candidate: ComposedCandidate, facts: Mapping[str, ComponentFacts]) -> list[Problem]:
    """Return where components do not fit the offerings that they name.

    Args:
        candidate: The composed offering.
        facts: What the catalog knows, by name of the component; one that it does not know is left out, and not judged.
    """
    return list(_Fitting(candidate, facts).problems())


@cache
def _format_judge() -> Judge:
    own, common = format_load(COMPOSED_FORMAT), format_load(FORMAT)["properties"]
    properties = {**{name: common[name] for name in COMMON}, **own["properties"]}
    return Judge({**own, "properties": properties}, root="#")


class _Structure:
    """What a manifest says that contradicts itself."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.components: list[dict[str, Any]] = document.value["components"]
        self.parameters: dict[str, Schema] = document.value["parameters"]
        self.names = [component["name"] for component in self.components]

    def problems(self) -> Iterator[Problem]:
        yield from chain(self._expiry(), self._parameters(), self._names(), self._wiring(), self._cycle())

    def _expiry(self) -> Iterator[Problem]:
        expiry = self.document.value.get("expiry")
        if expiry is not None and expiry["default_seconds"] > expiry["maximum_seconds"]:
            yield self._at("#/expiry/default_seconds", "the default of the expiry is above its maximum")

    def _parameters(self) -> Iterator[Problem]:
        used = {
            source.name
            for wires in map(Wires.of, self.components)
            for source in wires.sources.values()
            if isinstance(source, WholeParameter)
        }
        for name, schema in self.parameters.items():
            where = f"#/parameters/{name}"
            if not PARAMETER.match(name):
                yield self._at(where, f"{name} is no name of a parameter; use lower-case letters, digits, underscores")
                continue
            try:
                judge = Judge(whole_schema({name: schema}), root="#")
            except ValueError as error:
                yield self._at(where, f"{name} has no sound schema: {error}")
                continue
            if name not in used:
                yield self._at(where, f"nobody is given {name}; wire a component's parameter to parameters.{name}")
            if "default" in schema:
                for finding in judge.judge({name: schema["default"]}):
                    yield self._at(f"{where}/default", f"the default of {name} does not do: {finding['detail']}")

    def _names(self) -> Iterator[Problem]:
        for index, name in enumerate(self.names):
            if name in self.names[:index]:
                yield self._at(f"#/components/{index}/name", f"there are two components {name}")
            if name == WHOLE:
                yield self._at(f"#/components/{index}/name", f"{WHOLE} means those of the whole; choose another name")

    def _wiring(self) -> Iterator[Problem]:
        for index, component in enumerate(self.components):
            for parameter, source in Wires.of(component).sources.items():
                where = f"#/components/{index}/wiring/{parameter}"
                if parameter in component.get("parameters", {}):
                    yield self._at(where, f"{parameter} has two sources: here, and in parameters")
                if isinstance(source, WholeParameter):
                    if source.name not in self.parameters:
                        yield self._at(where, f"there is no {source.name} in parameters")
                elif source.component == component["name"]:
                    yield self._at(where, f"{component['name']} cannot need itself")
                elif source.component not in self.names:
                    yield self._at(where, f"there is no component {source.component}")

    def _cycle(self) -> Iterator[Problem]:
        needs = {
            component["name"]: set(Wires.of(component).needs) - {component["name"]} for component in self.components
        }
        try:
            dependency_order(needs)
        except WiringCycleError as error:
            yield self._at("#/components", f"no component can be the first: {error}")

    def _at(self, pointer: str, reason: str) -> Problem:
        return self.document.problem(pointer, reason)


class _Fitting:
    """What a manifest says that does not fit what the catalog has."""

    def __init__(self, candidate: ComposedCandidate, facts: Mapping[str, ComponentFacts]) -> None:
        self.document, self.manifest, self.facts = candidate.document, candidate.manifest, facts
        self.defaults = {
            name: schema["default"] for name, schema in self.manifest["parameters"].items() if "default" in schema
        }

    def problems(self) -> Iterator[Problem]:
        for index, component in enumerate(self.manifest["components"]):
            facts = self.facts.get(component["name"])
            if facts is None:
                continue
            where = f"#/components/{index}"
            if self.manifest["expiry"] is not None and not facts.allows_ephemeral:
                reason = f"{component['offering']} may not stand in what expires; it does not allow_ephemeral"
                yield self._at(f"{where}/offering", reason)
            yield from self._sources(component, where)
            yield from self._secrets(component, facts, where)
            yield from self._parameters(component, facts, where)
        currencies = sorted({facts.currency for facts in self.facts.values()})
        if len(currencies) > 1:
            yield self._at("#/components", f"the whole has one price, but these are in {' and '.join(currencies)}")

    def _sources(self, component: Mapping[str, Any], where: str) -> Iterator[Problem]:
        for parameter, source in Wires.of(component).awaited.items():
            needed = self.facts.get(source.component)
            if needed is not None and source.output not in needed.shown_outputs:
                choices = ", ".join(sorted(needed.shown_outputs)) or "none"
                reason = f"{source.component} shows no output {source.output}; it shows: {choices}"
                yield self._at(f"{where}/wiring/{parameter}", reason)

    def _secrets(self, component: Mapping[str, Any], facts: ComponentFacts, where: str) -> Iterator[Problem]:
        """What the whole says or is given is read by all who see the catalog or the environment."""
        places = {"parameters": component.get("parameters", {}), "wiring": Wires.of(component).given}
        for place, names in places.items():
            for name in sorted(facts.judge.secrets & set(names)):
                reason = f"{name} is a secret of {component['offering']}, and nothing that is set here stays one"
                yield self._at(f"{where}/{place}/{name}", reason)

    def _parameters(self, component: Mapping[str, Any], facts: ComponentFacts, where: str) -> Iterator[Problem]:
        wires, fixed = Wires.of(component), component.get("parameters", {})
        unknown = [name for name in wires.sources if name not in facts.settable]
        for name in unknown:
            yield self._at(f"{where}/wiring/{name}", f"{component['offering']} has no parameter {name}")
        # What the caller gives is not known yet; a default of the whole is, and has to do.
        given = {name: self.defaults[source] for name, source in wires.given.items() if source in self.defaults}
        parameters = {name: value for name, value in {**fixed, **given}.items() if name not in unknown}
        open_ones = {*wires.awaited, *(name for name in wires.given if name not in given)}
        for finding in known_findings(facts.judge, parameters, awaited=open_ones):
            name = finding["pointer"].removeprefix(f"{facts.judge.root}/").partition("/")[0]
            place = "wiring" if name in wires.sources else "parameters"
            yield self._at(f"{where}/{place}/{name}", f"{name}: {finding['detail']} {finding['remedy']}")

    def _at(self, pointer: str, reason: str) -> Problem:
        return self.document.problem(pointer, reason)
