"""What a schema cannot say: whether manifest and module speak of the same things, and plans keep within the module."""

from collections.abc import Iterator, Mapping
from itertools import chain
from string import Formatter
from typing import Any

from catalog.manifest.documents import Document
from catalog.schema.parameters import parameters_judge
from catalog.schema.problems import Problem
from catalog.schema.types import Schema
from catalog.schema.variables import Interface

PASSWORD = "password"  # noqa: S105 - a word in a template
LIMITS = {"minimum": "minimum", "maximum": "maximum", "choices": "enum"}
"""Members of a plan's parameter that narrow it, and the keyword of JSON Schema for each."""


def plan_given(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a plan of a manifest sets."""
    return {name: said["default"] for name, said in plan["parameters"].items() if "default" in said}


def plan_limits(plan: Mapping[str, Any]) -> dict[str, Schema]:
    """Return what a plan of a manifest narrows, as JSON Schema by parameter."""
    narrowed = {
        name: {keyword: said[word] for word, keyword in LIMITS.items() if word in said}
        for name, said in plan["parameters"].items()
    }
    return {name: schema for name, schema in narrowed.items() if schema}


def problems_between(document: Document, interface: Interface, schema: Schema) -> list[Problem]:
    """Return where a manifest that has the right form does not fit its module.

    Args:
        document: The manifest.
        interface: The module's variables and outputs.
        schema: The schema of the parameters that the manifest leaves to users.
    """
    checks = _Checks(document, interface, schema)
    return list(
        chain(checks.variables(), checks.plans(), checks.credentials(), checks.outputs(), checks.stateful_types())
    )


class _Checks:
    """The checks of one manifest; each yields what it finds."""

    def __init__(self, document: Document, interface: Interface, schema: Schema) -> None:
        self.document, self.interface, self.schema = document, interface, schema
        self.manifest: dict[str, Any] = document.value

    def variables(self) -> Iterator[Problem]:
        """Each variable of the module has one place, and each place names a variable that fits."""
        user, platform = self.manifest["variables"]["user"], self.manifest["variables"]["platform"]
        verifiers = (self.manifest.get("credentials") or {}).get("verifiers", {})
        placed = [
            *((name, f"#/variables/user/{index}") for index, name in enumerate(user)),
            *((name, f"#/variables/platform/{name}") for name in platform),
            *((name, f"#/credentials/verifiers/{name}") for name in verifiers),
        ]
        first: dict[str, str] = {}
        for name, pointer in placed:
            variable = self.interface.variables.get(name)
            if variable is None:
                yield self._at(pointer, f"the module has no variable {name}")
            elif name in first:
                yield self._at(pointer, f"{name} has two places: here, and at {first[name]}")
            elif name not in user and variable.schema.get("type") != "string":
                yield self._at(pointer, f"the platform fills in texts; {name} is of type {variable.type_text}")
            elif name in verifiers and not variable.is_sensitive:
                yield self._at(pointer, f"{name} takes a verifier, so the module has to say sensitive = true")
            first.setdefault(name, pointer)
        for name, variable in self.interface.variables.items():
            if name not in first:
                places = "variables.user, variables.platform or credentials.verifiers"
                reason = f"nobody sets {name}; name it in offering.yaml, in {places}"
                yield Problem(variable.file, variable.line, reason)

    def plans(self) -> Iterator[Problem]:
        """Plans narrow what the module allows, never widen it, and can be ordered with their defaults."""
        slugs: list[str] = []
        for index, plan in enumerate(self.manifest["plans"]):
            pointer = f"#/plans/{index}"
            if plan["slug"] in slugs:
                yield self._at(f"{pointer}/slug", f"there are two plans {plan['slug']}")
            slugs.append(plan["slug"])
            broken = list(self._limits(plan, pointer))
            yield from broken
            if not broken:
                yield from self._defaults(plan, pointer)

    def _limits(self, plan: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
        properties = self.schema["properties"]
        for name, said in plan["parameters"].items():
            where = f"{pointer}/parameters/{name}"
            if name not in properties:
                yield self._at(where, f"a plan sets only what variables.user names, and {name} is not there")
                continue
            if said.get("minimum", 0) > said.get("maximum", said.get("minimum", 0)):
                yield self._at(where, f"the minimum of {name} is above its maximum")
            for word in ("minimum", "maximum"):
                if word in said:
                    yield from self._within(name, said[word], f"{where}/{word}")
            for number, choice in enumerate(said.get("choices", [])):
                yield from self._within(name, choice, f"{where}/choices/{number}")

    def _within(self, name: str, value: Any, pointer: str) -> Iterator[Problem]:
        """Tell what the module itself says against a value of one of its variables."""
        judge = parameters_judge({**self.schema, "required": []}, plan="", given={}, limits={})
        for finding in judge.judge({name: value}):
            yield self._at(pointer, f"the module does not allow it: {finding['detail']} {finding['remedy']}")

    def _defaults(self, plan: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
        variables = self.interface.variables
        defaults = {name: variables[name].default for name in self.schema["properties"] if variables[name].has_default}
        given = plan_given(plan)
        judge = parameters_judge({**self.schema, "required": []}, plan=plan["slug"], given={}, limits=plan_limits(plan))
        for finding in judge.judge({**defaults, **given}):
            name = finding["pointer"].split("/")[2]
            if name in given or name in plan["parameters"]:
                where = f"{pointer}/parameters/{name}/default"
                yield self._at(where, f"the default of {name} does not do: {finding['detail']} {finding['remedy']}")

    def credentials(self) -> Iterator[Problem]:
        """A URI template names outputs that exist, and the password."""
        said = self.manifest.get("credentials")
        if said is None:
            return
        if said["username_output"] not in self.interface.outputs:
            yield self._at("#/credentials/username_output", f"the module has no output {said['username_output']}")
        pointer = "#/credentials/uri_template"
        try:
            fields = [part[1:] for part in Formatter().parse(said["uri_template"]) if part[1] is not None]
        except ValueError as error:
            yield self._at(pointer, f"this is not a template: {error}")
            return
        names = [name for name, _, _ in fields]
        if any(spec or conversion for _, spec, conversion in fields):
            yield self._at(pointer, "a template has plain names in braces, without formats")
        if PASSWORD not in names:
            yield self._at(pointer, "the template lacks {password}")
        for name in dict.fromkeys(names):
            if name != PASSWORD and name not in self.interface.outputs:
                yield self._at(pointer, f"{{{name}}} is no output of the module, nor {{password}}")

    def outputs(self) -> Iterator[Problem]:
        """Outputs exist, and what the module calls sensitive is not shown."""
        shown = self.manifest["outputs"]["shown"]
        for place in ("shown", "sensitive"):
            for index, name in enumerate(self.manifest["outputs"][place]):
                pointer = f"#/outputs/{place}/{index}"
                output = self.interface.outputs.get(name)
                if output is None:
                    yield self._at(pointer, f"the module has no output {name}")
                elif output.is_sensitive and place == "shown":
                    yield self._at(pointer, f"{output.file}:{output.line} says that {name} is sensitive")
                elif not output.is_sensitive and place == "sensitive":
                    yield self._at(pointer, f"{output.file}:{output.line} does not say that {name} is sensitive")
                elif place == "sensitive" and name in shown:
                    yield self._at(pointer, f"{name} is among the shown outputs too")

    def stateful_types(self) -> Iterator[Problem]:
        """A mistyped type would leave its data unprotected; a module that calls others is taken by its word."""
        if self.interface.calls_modules:
            return
        for index, name in enumerate(self.manifest["stateful_types"]):
            if name not in self.interface.resource_types:
                yield self._at(f"#/stateful_types/{index}", f"the module has no resource of type {name}")

    def _at(self, pointer: str, reason: str) -> Problem:
        return self.document.problem(pointer, reason)
