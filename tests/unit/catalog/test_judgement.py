from typing import Any

import pytest

from catalog.schema.parameters import parameters_judge
from catalog.schema.types import Schema
from platform_api.core.judgement import Judge

SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 500, "x-rules": ["size must be 1 to 500."]},
        "color": {"type": "string", "enum": ["red", "blue"], "description": "Color of it."},
        "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 5},
        "secret": {"type": "string", "pattern": "^s", "writeOnly": True},
        "hosts": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 2},
        "a/b~c": {
            "type": "object",
            "properties": {"deep": {"type": "number", "exclusiveMinimum": 0}},
            "required": ["deep"],
            "additionalProperties": False,
        },
    },
    "required": ["color"],
    "additionalProperties": False,
}
GOOD = {"color": "red"}


@pytest.fixture(scope="module")
def judge() -> Judge:
    return parameters_judge(SCHEMA, plan="small", given={}, limits={"size": {"maximum": 20}})


def test_what_is_right_has_no_findings(judge: Judge) -> None:
    good = {"size": 20, "color": "red", "name": "ab", "secret": "s", "hosts": ["a"], "a/b~c": {"deep": 0.5}}
    assert judge.judge(good) == []


@pytest.mark.parametrize(
    ("parameters", "pointer", "code", "words"),
    [
        ({"colour": "red", **GOOD}, "#/parameters/colour", "unknown_field", "Did you mean color?"),
        ({}, "#/parameters/color", "field_missing", "color is missing. Add it. Color of it."),
        ({"color": 7}, "#/parameters/color", "type_mismatch", "a text; it is a number"),
        ({"color": None}, "#/parameters/color", "type_mismatch", "it is null"),
        ({"color": "green"}, "#/parameters/color", "not_a_choice", 'Choose one of: "red", "blue".'),
        ({"size": 0, **GOOD}, "#/parameters/size", "out_of_range", "0 is less than 1"),
        ({"size": 21, **GOOD}, "#/parameters/size", "out_of_range", "the most that plan small allows. Send at most 20"),
        ({"size": 501, **GOOD}, "#/parameters/size", "out_of_range", "501 is more than 20, the most that plan small"),
        ({"size": 1.5, **GOOD}, "#/parameters/size", "type_mismatch", "whole number. size must be 1 to 500."),
        ({"size": True, **GOOD}, "#/parameters/size", "type_mismatch", "it is true or false"),
        ({"size": "7", **GOOD}, "#/parameters/size", "type_mismatch", "it is a text"),
        ({"name": "a", **GOOD}, "#/parameters/name", "too_short", "shorter than 2"),
        ({"name": "abcdef", **GOOD}, "#/parameters/name", "too_long", "longer than 5"),
        ({"name": "A-B", **GOOD}, "#/parameters/name", "pattern_mismatch", '"A-B" does not have the form ^[a-z]+$'),
        ({"hosts": ["a", "a"], **GOOD}, "#/parameters/hosts", "invalid_value", "twice"),
        ({"hosts": ["a", "b", "c"], **GOOD}, "#/parameters/hosts", "too_long", "more than 2 items"),
        ({"hosts": ["a", 1], **GOOD}, "#/parameters/hosts/1", "type_mismatch", "a text"),
        ({"a/b~c": {}, **GOOD}, "#/parameters/a~1b~0c/deep", "field_missing", "deep is missing"),
        ({"a/b~c": {"deep": 0}, **GOOD}, "#/parameters/a~1b~0c/deep", "out_of_range", "0 is not more than 0"),
        ({"a/b~c": {"deep": 1, "dep": 1}, **GOOD}, "#/parameters/a~1b~0c/dep", "unknown_field", "Did you mean deep?"),
        ([], "#/parameters", "type_mismatch", "an object; it is a list"),
        (None, "#/parameters", "type_mismatch", "it is null"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_way_out(
    judge: Judge, parameters: object, pointer: str, code: str, words: str
) -> None:
    (finding,) = judge.judge(parameters)
    assert (finding["pointer"], finding["code"]) == (pointer, code)
    assert words in f"{finding['detail']} {finding['remedy']}"
    assert finding["detail"]
    assert finding["remedy"]


def test_all_mistakes_come_at_once(judge: Judge) -> None:
    found = judge.judge({"size": 0, "name": 7, "hosts": [1], "what": 1})
    assert {finding["code"] for finding in found} == {"out_of_range", "type_mismatch", "unknown_field", "field_missing"}
    assert len(found) == 5


@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], {"hunter2": 1}])
def test_the_value_of_a_secret_parameter_is_never_quoted(judge: Judge, value: Any) -> None:
    (finding,) = judge.judge({"secret": value, **GOOD})
    assert finding["pointer"] == "#/parameters/secret"
    assert "hunter2" not in str(finding)


def test_a_long_value_is_cut(judge: Judge) -> None:
    (finding,) = judge.judge({"color": "x" * 5000})
    assert len(finding["detail"]) < 200


def test_what_the_plan_sets_need_not_be_sent() -> None:
    judge = parameters_judge(SCHEMA, plan="red", given={"color": "red"}, limits={"color": {"enum": ["red"]}})
    assert judge.judge({}) == []
    (finding,) = judge.judge({"color": "blue"})
    assert finding["code"] == "not_a_choice"
    assert "plan red allows" in finding["detail"]
    assert finding["remedy"] == 'Choose one of: "red".'


def test_a_pattern_made_to_take_forever_does_not() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}, "required": []}
    judge = parameters_judge(schema, plan="p", given={}, limits={})
    (finding,) = judge.judge({"x": "a" * 50_000 + "!"})
    assert finding["code"] == "pattern_mismatch"
