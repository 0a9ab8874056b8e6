"""Values against a JSON Schema: every mistake at once, in a person's words, with a way out.

Bodies of calls, parameters of offerings and manifests are all judged here. No framework is needed.
"""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from platform_api.core.pointers import pointer

Schema = dict[str, Any]
RULES = "x-rules"
"""Keyword of ours: what an author says of a value beyond what the schema can say, as sentences."""

SHOWN_LENGTH = 60
Finding = dict[str, Any]

KINDS = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}

BEYOND = {
    "maximum": ("out_of_range", "{value} is more than {limit}, the most that {by}.", "Send at most {limit}."),
    "minimum": ("out_of_range", "{value} is less than {limit}, the least that {by}.", "Send at least {limit}."),
    "exclusiveMaximum": ("out_of_range", "{value} is not less than {limit}.", "Send less than {limit}."),
    "exclusiveMinimum": ("out_of_range", "{value} is not more than {limit}.", "Send more than {limit}."),
    "multipleOf": ("out_of_range", "{value} is no multiple of {limit}.", "Send a multiple of {limit}."),
    "maxLength": ("too_long", "This is longer than {limit}, the most that {by}.", "Shorten the text."),
    "maxItems": ("too_long", "This has more than {limit} items.", "Leave some out."),
    "maxProperties": ("too_long", "This has more than {limit} members.", "Leave some out."),
    "minLength": ("too_short", "This is shorter than {limit}, the least that {by}.", "Lengthen the text."),
    "minItems": ("too_short", "This has fewer than {limit} items.", "Add some."),
    "minProperties": ("too_short", "This has fewer than {limit} members.", "Add some."),
    "pattern": ("pattern_mismatch", "{value} does not have the form {limit}.", "Send a text of that form."),
    "uniqueItems": ("invalid_value", "This names an item twice.", "Name each item once."),
}
"""Code, detail and remedy by keyword of the schema."""

OTHERWISE = ("invalid_value", "{value} is not allowed.", "See the parameter's description for what is.")


def compile_schema(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    """Compile with an engine whose time grows with the text and not with the pattern's cleverness.

    Raises:
        ValueError: The schema is not sound.
    """
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True)


class Judge:
    """Judges values by a schema; compiled once, used for all of them.

    Args:
        schema: What the values have to be; without references.
        root: JSON pointer of the value itself, for the findings.
        narrower: A second schema that a value has to satisfy too.
        narrower_is_of: Whose word the second schema is, e.g. ``plan small``, for the texts.
    """

    def __init__(self, schema: Schema, *, root: str, narrower: Schema | None = None, narrower_is_of: str = "") -> None:
        self.root, self.narrower_is_of = root, narrower_is_of
        self.schema: Schema = {"allOf": [schema, narrower or {}]}
        self._validator = compile_schema(self.schema)

    @property
    def members(self) -> frozenset[str]:
        """Names of the members that a value may have."""
        return frozenset(self.schema["allOf"][0]["properties"])

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the members whose values are shown nowhere."""
        described = self.schema["allOf"][0]["properties"].items()
        return frozenset(name for name, schema in described if schema.get("writeOnly"))

    def judge(self, value: object) -> list[Finding]:
        """Return what is wrong: pointer, code, detail, remedy; nothing where all is well."""
        found: dict[tuple[str, str], Finding] = {}
        for error in self._validator.iter_errors(value):
            for finding in _Mistake(error, of=self).findings():
                found[finding["pointer"], finding["code"]] = finding  # the plan's word comes last, and is the narrower
        mistyped = {place for place, code in found if code == "type_mismatch"}
        return [each for (place, code), each in found.items() if place not in mistyped or code == "type_mismatch"]


class _Mistake:
    """One error of the validator, with the part of the schema that it comes from."""

    def __init__(self, error: ValidationError, *, of: Judge) -> None:
        self.error = error
        self.root = of.root
        self.path = list(error.instance_path)
        steps = list(error.schema_path)
        self.by_plan = f"{of.narrower_is_of} allows" if steps[:2] == ["allOf", 1] else ""
        self.within = _walk(of.schema, steps[:-1])
        base = of.schema["allOf"][0]["properties"]
        self.parameter: Schema = base.get(self.path[0], {}) if self.path else {}
        self.is_secret = bool(self.parameter.get("writeOnly"))

    def findings(self) -> Iterator[Finding]:
        """Yield what a person should read."""
        match self.error.kind:
            case ValidationErrorKind.AdditionalProperties(unexpected=names):
                for name in names:
                    yield self._unknown(name)
            case ValidationErrorKind.Required(property=name):
                yield self._missing(name)
            case ValidationErrorKind.Type(types=kinds):
                yield self._wrong_type(kinds)
            case ValidationErrorKind.Enum(options=options):
                yield self._not_a_choice(options)
            case kind:
                yield self._beyond(kind)

    def _finding(self, code: str, detail: str, remedy: str, *, step: str | None = None) -> Finding:
        steps = [*self.path, *([] if step is None else [step])]
        return {
            "pointer": self.root + pointer(steps).removeprefix("#"),
            "code": code,
            "detail": detail,
            "remedy": remedy,
        }

    def _unknown(self, name: str) -> Finding:
        known = list(self.within.get("properties", {}))
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        remedy = f"Use only: {', '.join(known)}." if known else "Leave it out; there is nothing to set here."
        return self._finding("unknown_field", f"There is no {_shown(name)}.{hint}", remedy, step=name)

    def _missing(self, name: str) -> Finding:
        described = self.within.get("properties", {}).get(name, {}).get("description", "")
        return self._finding("field_missing", f"{name} is missing.", f"Add it. {described}".strip(), step=name)

    def _wrong_type(self, kinds: list[str]) -> Finding:
        expected = " or ".join(KINDS[kind] for kind in kinds)
        if kinds == ["integer"] and _kind_of(self.error.instance) == KINDS["number"]:
            return self._finding("type_mismatch", "This has to be a whole number.", self._advice("Drop the fraction."))
        detail = f"This has to be {expected}; it is {_kind_of(self.error.instance)}."
        return self._finding("type_mismatch", detail, f"Send {expected}.")

    def _not_a_choice(self, options: list[Any]) -> Finding:
        choices = ", ".join(_shown(option) for option in options)
        by = f" that {self.by_plan}" if self.by_plan else ""
        detail = f"{self._value()} is none of the values{by}."
        return self._finding("not_a_choice", detail, f"Choose one of: {choices}.")

    def _beyond(self, kind: ValidationErrorKind) -> Finding:
        code, detail, remedy = BEYOND.get(kind.name, OTHERWISE)
        words = {"value": self._value(), "limit": kind.value, "by": self.by_plan or "is allowed"}
        return self._finding(code, detail.format(**words), self._advice(remedy.format(**words)))

    def _advice(self, otherwise: str) -> str:
        """Return what the module's author says about the parameter; a plan's own limit is told by itself."""
        rules: list[str] = self.parameter.get(RULES, [])
        return otherwise if self.by_plan or not rules else " ".join(rules)

    def _value(self) -> str:
        return "The value" if self.is_secret else _shown(self.error.instance)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}…"


def _kind_of(value: object) -> str:
    match value:
        case bool():
            return KINDS["boolean"]
        case str():
            return KINDS["string"]
        case int() | float():
            return KINDS["number"]
        case list():
            return KINDS["array"]
        case dict():
            return KINDS["object"]
        case _:
            return KINDS["null"]


def _walk(schema: Any, steps: list[str | int]) -> Schema:
    """Return the part of a schema that a path leads to."""
    for step in steps:
        schema = schema[step]
    return schema if isinstance(schema, dict) else {}
