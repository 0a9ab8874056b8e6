import pytest

from catalog.schema.rules import is_portable
from catalog.schema.types import Schema
from platform_api.core.judgement import compile_schema
from tests.unit.catalog.conftest import Declare

MESSAGE = "x has to be right."


def ruled(declare: Declare, kind: str, *conditions: str, nullable: bool = False) -> tuple[Schema, tuple[str, ...]]:
    blocks = "".join(
        f'validation {{\n condition = {condition}\n error_message = "{MESSAGE}"\n}}\n' for condition in conditions
    )
    variable = declare(kind, f"nullable = {'true' if nullable else 'false'}\n{blocks}")
    return variable.schema, variable.plan_time_messages


@pytest.mark.parametrize(
    ("kind", "condition", "schema"),
    [
        ("number", "var.x >= 1 && var.x <= 5", {"type": "number", "minimum": 1, "maximum": 5}),
        ("number", "var.x > 1 && 5 > var.x", {"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 5}),
        ("number", "1 <= var.x && (2 <= var.x)", {"type": "number", "minimum": 2}),
        ("number", "floor(var.x) == var.x && var.x >= -2", {"type": "integer", "minimum": -2}),
        ("number", "var.x == ceil(var.x)", {"type": "integer"}),
        ("number", "var.x % 5 == 0", {"type": "number", "multipleOf": 5}),
        ("number", "contains([1, 2, 4], var.x)", {"type": "number", "enum": [1, 2, 4]}),
        ("number", "var.x != 13", {"type": "number", "not": {"enum": [13]}}),
        ("string", 'var.x == "a" || var.x == "b"', {"type": "string", "enum": ["a", "b"]}),
        ("string", 'contains(["a", "b"], var.x)', {"type": "string", "enum": ["a", "b"]}),
        ("string", "length(var.x) >= 2 && length(var.x) < 5", {"type": "string", "minLength": 2, "maxLength": 4}),
        ("string", "length(var.x) == 3", {"type": "string", "minLength": 3, "maxLength": 3}),
        ("string", 'can(regex("^[a-z]+$", var.x))', {"type": "string", "pattern": "^[a-z]+$"}),
        ("string", 'startswith(var.x, "a.b")', {"type": "string", "pattern": r"^a\.b"}),
        ("string", 'endswith(var.x, "$")', {"type": "string", "pattern": r"\$$"}),
        (
            "string",
            '!startswith(var.x, "pg_")',
            {"type": "string", "not": {"type": "string", "pattern": "^pg_"}},
        ),
        (
            "string",
            'startswith(var.x, "a") || length(var.x) > 9',
            {"type": "string", "anyOf": [{"pattern": "^a"}, {"minLength": 10}]},
        ),
        (
            "string",
            'startswith(var.x, "a") && endswith(var.x, "b")',
            {"type": "string", "pattern": "^a", "allOf": [{"pattern": "b$"}]},
        ),
        ("list(string)", "length(var.x) > 0", {"type": "array", "items": {"type": "string"}, "minItems": 1}),
        (
            "map(string)",
            "length(var.x) <= 4",
            {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 4},
        ),
        (
            "set(string)",
            'alltrue([for each in var.x : contains(["a"], each)])',
            {"type": "array", "items": {"type": "string", "enum": ["a"]}, "uniqueItems": True},
        ),
    ],
)
def test_a_rule_of_a_simple_shape_is_said_in_the_schema(
    declare: Declare, kind: str, condition: str, schema: Schema
) -> None:
    assert ruled(declare, kind, condition) == (schema, ())


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("string", "var.x == var.y"),
        ("string", "var.x == upper(var.x)"),
        ("string", "var.y == 1"),
        ("string", "var.x > 1"),
        ("string", 'can(regex("(?i)a", var.x))'),
        ("string", 'can(regex("\\\\s", var.x))'),
        ("string", 'can(regex("[[:alpha:]]", var.x))'),
        ("string", 'can(regex("a{2", var.x)) ? true : false'),
        ("string", "contains([1], var.x)"),
        ("string", "contains(var.y, var.x)"),
        ("string", 'var.x == "a" || var.y'),
        ("string", '!(startswith(var.x, "a") && var.y)'),
        ("number", "length(var.x) > 1"),
        ("number", 'contains(["1"], var.x)'),
        ("object({ a = number })", "var.x.a >= 1"),
        ("object({ a = number })", "length(var.x) >= 1"),
        ("list(string)", "alltrue([for k, v in var.x : true])"),
        ("list(string)", 'alltrue([for v in var.x : true if v == "a"])'),
        ("list(string)", 'var.x[0] == "a"'),
    ],
)
def test_a_rule_of_another_shape_is_left_to_the_plan_with_its_message(
    declare: Declare, kind: str, condition: str
) -> None:
    before, _ = ruled(declare, kind)
    assert ruled(declare, kind, condition) == (before, (MESSAGE,))


def test_the_parts_of_a_conjunction_that_have_a_shape_are_lifted(declare: Declare) -> None:
    schema, remaining = ruled(declare, "number", "var.x >= 1 && var.x == var.y")
    assert schema == {"type": "number", "minimum": 1}
    assert remaining == (MESSAGE,)


def test_several_rules_narrow_together(declare: Declare) -> None:
    schema, remaining = ruled(declare, "number", "var.x >= 1", "var.x >= 3", "var.x < 9", "var.x < 20")
    assert schema == {"type": "number", "minimum": 3, "exclusiveMaximum": 9}
    assert remaining == ()


def test_several_lists_of_choices_leave_what_is_in_all_of_them(declare: Declare) -> None:
    schema, _ = ruled(declare, "string", 'contains(["a", "b"], var.x)', 'contains(["b", "c"], var.x)')
    assert schema == {"type": "string", "enum": ["b"]}


@pytest.mark.parametrize(
    ("kind", "conditions", "takes_null"),
    [
        ("number", ["var.x >= 1"], False),
        ("number", ["var.x == null || var.x >= 1"], True),
        ("number", ["var.x >= 1 || var.x == null"], True),
        ("number", ["var.x == null ? true : var.x >= 1"], True),
        ("number", ["var.x == null ? false : var.x >= 1"], False),
        ("number", ["var.x == null || var.x >= 1", "var.x < 5"], False),
        ("string", ['var.x == null || !startswith(var.x, "a")'], True),
        ("string", ['var.x == null || contains(["a"], var.x)'], True),
    ],
)
def test_null_passes_only_where_every_rule_names_it(
    declare: Declare, kind: str, conditions: list[str], *, takes_null: bool
) -> None:
    schema, remaining = ruled(declare, kind, *conditions, nullable=True)
    assert compile_schema(schema).is_valid(None) is takes_null
    assert remaining == (() if "false" not in conditions[0] else (MESSAGE,))


@pytest.mark.parametrize(
    ("pattern", "portable"),
    [
        ("^[a-z0-9-]{1,20}$", True),
        (r"^\d+\.\w$", True),
        ("^(?:a|b).*$", True),
        (r"\bword\b", False),
        (r"\Aa\z", False),
        (r"\pL", False),
        ("(?P<n>a)", False),
        ("(?i)a", False),
        ("[a&&b]", False),
        ("(", False),
    ],
)
def test_a_pattern_is_lifted_only_if_everybody_reads_it_alike(pattern: str, *, portable: bool) -> None:
    assert is_portable(pattern) is portable
