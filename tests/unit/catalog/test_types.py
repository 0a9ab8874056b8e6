from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from catalog.schema.compiler import PLAN_TIME, parameters_schema
from catalog.schema.variables import Interface
from tests.unit.catalog.conftest import Declare

STRICT = "nullable = false"
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("string", TEXT),
        ("number", NUMBER),
        ("bool", {"type": "boolean"}),
        ("list(string)", {"type": "array", "items": TEXT}),
        ("list", {"type": "array", "items": {}}),
        ('"list"', {"type": "array", "items": {}}),
        ("map", {"type": "object", "additionalProperties": True}),
        ("list(any)", {"type": "array", "items": {}}),
        ("set(number)", {"type": "array", "items": NUMBER, "uniqueItems": True}),
        ("map(bool)", {"type": "object", "additionalProperties": {"type": "boolean"}}),
        ("map(any)", {"type": "object", "additionalProperties": True}),
        ("tuple([])", {"type": "array", "minItems": 0, "maxItems": 0}),
        (
            "tuple([string, list(number)])",
            {"type": "array", "prefixItems": [TEXT, {"type": "array", "items": NUMBER}], "minItems": 2, "maxItems": 2},
        ),
        ("object({})", {"type": "object", "properties": {}, "required": [], "additionalProperties": False}),
        (
            'object({ a = string, "b c" = optional(number) })',
            {
                "type": "object",
                "properties": {"a": TEXT, "b c": {"type": ["number", "null"]}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
        (
            "object({\n  a = string # why\n  b = optional(bool, true)\n})",
            {
                "type": "object",
                "properties": {"a": TEXT, "b": {"type": ["boolean", "null"], "default": True}},
                "required": ["a"],
                "additionalProperties": False,
            },
        ),
        (
            "map(object({ in = set(string), for = optional(map(string), {}) }))",
            {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "in": {"type": "array", "items": TEXT, "uniqueItems": True},
                        "for": {"type": ["object", "null"], "additionalProperties": TEXT, "default": {}},
                    },
                    "required": ["in"],
                    "additionalProperties": False,
                },
            },
        ),
    ],
)  # fmt: skip
def test_a_type_becomes_a_schema(declare: Declare, kind: str, schema: dict[str, Any]) -> None:
    assert declare(kind, STRICT).schema == schema
    assert jsonschema_rs.meta.is_valid(schema)


def test_a_variable_without_a_type_takes_anything_but_null_where_it_says_so(declare: Declare) -> None:
    assert declare(None).schema == {}
    assert declare("any").schema == {}
    assert declare("any", STRICT).schema == {"not": {"type": "null"}}


def test_null_is_taken_unless_the_variable_refuses_it(declare: Declare) -> None:
    assert declare("string").schema == {"type": ["string", "null"]}
    assert declare("string", "nullable = true").schema == {"type": ["string", "null"]}
    assert declare("string", STRICT).schema == {"type": "string"}


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"name": "a", "sizes": [1, 2.5], "pair": ["a", 1], "nested": {"k": {"on": True}}}, True),
        ({"name": "a", "sizes": [1], "pair": ["a", 1], "nested": {}, "note": None}, True),
        ({"name": 7, "sizes": [], "pair": ["a", 1], "nested": {}}, False),
        ({"name": "a", "sizes": [True], "pair": ["a", 1], "nested": {}}, False),
        ({"name": "a", "sizes": [1, 1], "pair": ["a", 1], "nested": {}}, False),
        ({"name": "a", "sizes": [], "pair": ["a"], "nested": {}}, False),
        ({"name": "a", "sizes": [], "pair": ["a", 1, 2], "nested": {}}, False),
        ({"name": "a", "sizes": [], "pair": ["a", 1], "nested": {"k": {}}}, False),
        ({"name": "a", "sizes": [], "pair": ["a", 1], "nested": {"k": {"on": None}}}, False),
        ({"name": "a", "sizes": [], "pair": ["a", 1], "nested": {}, "other": 1}, False),
        ({"name": None, "sizes": [], "pair": ["a", 1], "nested": {}}, False),
        (None, False),
    ],
)
def test_a_nested_type_takes_its_values_and_no_others(declare: Declare, value: object, *, fits: bool) -> None:
    kind = """object({
      name   = string
      sizes  = set(number)
      pair   = tuple([string, number])
      nested = map(object({ on = bool }))
      note   = optional(string)
    })"""
    assert jsonschema_rs.is_valid(declare(kind, STRICT).schema, value) is fits


@pytest.mark.parametrize(
    ("default", "value"),
    [
        ("null", None),
        ("-1.5", -1.5),
        ("12345678901234567890123", 12345678901234567890123),
        ('"a\\n\\t\\"b\\" \\\\ \\u00e9"', 'a\n\t"b" \\ é'),
        ('"$${a} %%{b} $a"', "${a} %{b} $a"),
        ("[1, 2,]", [1, 2]),
        ('{ a = 1, "b" : [true] }', {"a": 1, "b": [True]}),
        ("<<EOT\n  a\n    \\n b\nEOT\n", "  a\n    \\n b\n"),
        ("<<-EOT\n    a\n      b\n  EOT\n", "a\n  b\n"),
        ("<<-EOT\n  EOT\n", ""),
    ],
)
def test_a_default_is_read_as_terraform_reads_it(declare: Declare, default: str, value: object) -> None:
    variable = declare(None, f"default = {default}")
    assert variable.has_default
    assert variable.default == value


def test_heredocs_and_line_ends_of_other_systems_are_read(read: Callable[..., Interface]) -> None:
    text = 'variable "x" {\r\n  type = string\r\n  description = <<-EOT\r\n    One\r\n    two.\r\n  EOT\r\n}\r\n'
    assert read(v_tf=text).variables["x"].description == "One two."


def test_both_syntaxes_say_the_same(read: Callable[..., Interface]) -> None:
    native = read(
        v_tf='variable "x" {\n  type = list(string)\n  default = ["a"]\n  nullable = false\n  sensitive = true\n'
        '  description = "D."\n  validation {\n    condition = length(var.x) <= 3\n'
        '    error_message = "At most 3."\n  }\n}\n'
    ).variables["x"]
    document = (
        '{"variable": {"y": {"type": "list(string)", "default": ["a"], "nullable": false, "sensitive": true, '
        '"description": "D.", "validation": {"condition": "${length(var.y) <= 3}", "error_message": "At most 3."}}}}'
    )
    other = read(w_tf_json=document).variables["y"]
    assert other.schema == native.schema == {"type": "array", "items": TEXT, "maxItems": 3}
    assert (other.default, other.messages, other.is_sensitive) == (["a"], ("At most 3.",), True)


def test_only_what_users_may_set_is_in_their_schema(read: Callable[..., Interface]) -> None:
    interface = read(
        v_tf='variable "a" {\n type = string\n nullable = false\n description = "A."\n}\n'
        'variable "b" {\n type = number\n default = 1\n nullable = false\n}\n'
        'variable "c" {\n type = string\n default = "secret word"\n sensitive = true\n}\n'
        'variable "d" {\n type = string\n}\n'
    )
    assert parameters_schema(interface, settable=["a", "b", "c"]) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "a": {"type": "string", "description": "A."},
            "b": {"type": "number", "default": 1},
            "c": {"type": ["string", "null"], "writeOnly": True},
        },
        "required": ["a"],
        "additionalProperties": False,
    }


def test_the_schema_itself_is_a_sound_schema(read: Callable[..., Interface]) -> None:
    interface = read(
        v_tf='variable "a" {\n type = object({ a = optional(list(string), ["x"]) })\n ephemeral = true\n}\n'
    )
    schema = parameters_schema(interface, settable=["a"])
    assert jsonschema_rs.meta.is_valid(schema)
    assert schema["properties"]["a"]["writeOnly"]
    assert PLAN_TIME not in schema["properties"]["a"]


@pytest.mark.parametrize(
    ("files", "findings"),
    [
        ({"v_tf": 'variable "x" {\n  type = strin\n}\n'}, ["v.tf:2: strin is not a type"]),
        (
            {"v_tf": 'variable "x" {\n  type = list(string, number)\n}\n'},
            ["v.tf:2: list(string, number) is not a type"],
        ),
        ({"v_tf": 'variable "x" {\n  type = optional(string)\n}\n'}, ["v.tf:2: optional() stands only"]),
        ({"v_tf": 'variable "x" {\n  type = list(optional(string))\n}\n'}, ["v.tf:2: optional() stands only"]),
        (
            {"v_tf": 'variable "x" {\n  type = object({\n    a = string\n    a = number\n  })\n}\n'},
            ["v.tf:4: the attribute a stands twice"],
        ),
        (
            {"v_tf": 'variable "x" {\n  type = object({\n    a = optional(number, "b")\n  })\n}\n'},
            ['v.tf:3: the default "b" is not of its type'],
        ),
        (
            {"v_tf": 'variable "x" {\n  type = object({ a = optional(number, var.y) })\n}\n'},
            ["v.tf:2: var.y is not a plain value"],
        ),
        ({"v_tf": 'variable "x" {\n  type = "${string}"\n}\n'}, ['v.tf:2: "${string}" is not a type']),
        ({"v_tf": 'variable "x" {\n  type = number\n  default = "1"\n}\n'}, ["v.tf:3: the default of x"]),
        (
            {"v_tf": 'variable "x" {\n  type = string\n  default = null\n  nullable = false\n}\n'},
            ["v.tf:3: the default of x"],
        ),
        ({"v_tf": 'variable "x" {\n  default = file("a")\n}\n'}, ["v.tf:2: the default of x: file("]),
        ({"v_tf": 'variable "x" {\n  nullable = "no"\n}\n'}, ["v.tf:2: nullable has to be true or false"]),
        ({"v_tf": 'variable "x" {\n  description = "${1}"\n}\n'}, ["v.tf:2: description has to be a plain text"]),
        ({"v_tf": 'variable "x" {\n  tpye = string\n}\n'}, ["v.tf:2: a variable has no attribute tpye"]),
        ({"v_tf": 'variable "x" {\n  type = string\n  type = number\n}\n'}, ["v.tf:1: type stands more than once"]),
        ({"v_tf": 'variable "x" {\n  validation {\n    condition = true\n  }\n}\n'}, ["v.tf:2: validation needs"]),
        ({"v_tf": 'variable "x" {\n  wat {\n  }\n}\n'}, ["v.tf:2: a variable has no block wat"]),
        ({"v_tf": 'variable "x" "y" {\n}\n'}, ["v.tf:1: variable takes one name"]),
        (
            {"v_tf": 'variable "x" {\n}\n', "w_tf": '\nvariable "x" {\n}\n'},
            ["w.tf:2: variable x is declared in v.tf:1 already"],
        ),
        ({"v_tf": 'variable "x" {\n  type = \n}\n'}, ["v.tf:2: this is not HCL"]),
        ({"v_tf": 'variable "x" {\n  type = string\n'}, ["v.tf:3: this is not HCL"]),
        ({"v_tf": "}\n"}, ["v.tf:1: this is not HCL"]),
        ({"v_tf": 'variable "x" {\n  default = core::file("a")\n}\n'}, ["v.tf:2: this is not HCL"]),
        ({"v_tf_json": '{"variable": {\n  "x": {"type": }}}'}, ["v.tf.json:2: this is not JSON"]),
        ({"v_tf_json": "[]"}, ["v.tf.json:1: a .tf.json file holds one object"]),
        ({"v_tf_json": '{"variable": {\n  "x": {"type": "lst(string)"}}}'}, ["v.tf.json:2: lst(string) is not a type"]),
        ({"v_tf_json": '{"variable": {\n  "x": {"type": "a b"}}}'}, ["v.tf.json:2: 'a b' is not an expression"]),
        ({"override_tf": 'variable "x" {\n}\n'}, ["override.tf:1: override files are not taken"]),
        (
            {"v_tf": 'variable "x" {\n  type = strin\n}\n', "w_tf": "}"},
            ["v.tf:2: strin is not a type", "w.tf:1: this is not HCL"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(
    broken: Callable[..., list[str]], files: dict[str, str], findings: list[str]
) -> None:
    found = broken(**files)
    assert len(found) == len(findings)
    for told, expected in zip(found, findings, strict=True):
        assert told.startswith(expected)


def test_the_default_of_a_secret_is_not_quoted(broken: Callable[..., list[str]]) -> None:
    (told,) = broken(v_tf='variable "x" {\n  type = number\n  sensitive = true\n  default = "hunter2"\n}\n')
    assert "hunter2" not in told
