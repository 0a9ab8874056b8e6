import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.engine.canonical import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_INTEGER,
    InputRefusedError,
    digest,
    encode,
    has_fractions,
    is_plain,
    normalize,
)

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


ODD = (
    st.floats()
    | st.integers()
    | st.text()
    | st.sampled_from(["\0", "\ud800", "\x7f", "e\u0301", '":1.5', "[1", ",NaN"])
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING, st.sampled_from([(",", ":"), (", ", ": "), (" , ", "  :  ")]), st.booleans())
def test_what_is_plain_would_neither_be_changed_nor_refused(
    value: Any,
    separators: tuple[str, str],
    is_ascii: bool,  # noqa: FBT001 - drawn
) -> None:
    value = {"value": value}
    text = json.dumps(value, separators=separators, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    if is_plain(text):
        assert normalize(json.loads(text)) == json.loads(text)
        assert encode(json.loads(text)) == json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (b'{"a":1,"b":"x: 1.5","c":["roles"],"d":null,"e":true}', True),
        (b'{"at":"2026-11-30T16:53:12.189+00:00","n":-123456789012345678}', True),
        (b'{"a":1234567890123456789}', False),
        (b'{"a":0.5}', False),
        (b'{"a" : 0.5}', False),
        (b'{"a":1e3}', False),
        (b'{"a":NaN}', False),
        (b'{"a":-Infinity}', False),
        (b'{"a":[1]}', False),
        (b"12345678901234567890", False),
        (b'{"a":["a",1]}', False),
        (b'{"a":"\\u0000"}', False),
        ('{"a":"\u00e9"}'.encode(), False),
        (b'{"a":"\x7f"}', False),
        (b'{"a":"b"}\n', False),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), False),
        (b'"' + b"a" * MAX_BYTES + b'"', False),
    ],
    ids=range(17),
)
def test_what_is_plain(text: bytes, plain: bool) -> None:  # noqa: FBT001 - a table of cases
    assert is_plain(text) is plain


def test_fractions_are_found_wherever_they_are() -> None:
    assert has_fractions({"a": [{"b": float("nan")}]})
    assert has_fractions(0.0)
    assert not has_fractions({"a": [1, True, None, "0.5", {}], "b": []})
