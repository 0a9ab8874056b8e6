import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.engine.canonical import MAX_DEPTH, MAX_INTEGER, InputRefusedError, digest, encode, normalize

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=10,
)


def nested(levels: int) -> Any:
    value: Any = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@given(VALUES)
def test_a_normalized_value_is_its_own_normal_form_and_survives_json(value: Any) -> None:
    normal = normalize(value)
    assert normalize(normal) == normal
    assert json.loads(encode(normal)) == normal


def test_two_spellings_of_one_text_have_one_form() -> None:
    assert encode(normalize({"b": "e\u0301", "a": 1})) == encode(normalize({"a": 1, "b": "\u00e9"}))


def test_the_order_of_keys_does_not_change_the_digest() -> None:
    assert digest(encode({"a": 1, "b": 2})) == digest(encode({"b": 2, "a": 1}))
    assert digest(encode({"a": 1})) != digest(encode({"a": 2}))
    assert digest(b"{}") == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("text", ["plain", "tab\t and\nlines\r\n", "no\u00a0break", "\u202e", "🚀", "\ue000"])
def test_text_that_people_write_is_taken(text: str) -> None:
    assert normalize([text]) == [text]


@pytest.mark.parametrize("text", ["\0", "a\0b", "\x01", "\x1b", "\x7f", "\x85", "\ud800"])
@pytest.mark.parametrize("as_key", [False, True])
def test_text_that_the_engine_would_cut_or_nobody_writes_is_refused(text: str, *, as_key: bool) -> None:
    with pytest.raises(InputRefusedError, match="control character or a lone surrogate"):
        normalize({text: 1} if as_key else {"x": text})


@pytest.mark.parametrize("number", [0, -1, MAX_INTEGER, -MAX_INTEGER, 0.5, 9.0, -0.000001, 123456.789, 1e15])
def test_numbers_that_the_engine_reads_exactly_are_taken(number: float) -> None:
    assert normalize(number) == number


@pytest.mark.parametrize(
    "number", [MAX_INTEGER + 1, -MAX_INTEGER - 1, 10**30, 1e-7, 0.1234567, float("inf"), float("nan")]
)
def test_numbers_that_the_engine_would_misread_are_refused(number: float) -> None:
    with pytest.raises(InputRefusedError, match="#/x is a"):
        normalize({"x": number})


def test_nesting_is_taken_up_to_its_bound() -> None:
    assert normalize(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    with pytest.raises(InputRefusedError, match="nested"):
        normalize(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize("value", [{1: "x"}, {"x": b"bytes"}, (1, 2), object()])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(InputRefusedError):
        normalize(value)


def test_a_refusal_quotes_no_value() -> None:
    with pytest.raises(InputRefusedError) as caught:
        normalize({"password": "s3cret\0"})
    assert "s3cret" not in str(caught.value)
    assert caught.value.pointer == "#/password"
