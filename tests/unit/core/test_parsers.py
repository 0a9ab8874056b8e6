import pytest

from platform_api.core.errors import SlipwayError
from platform_api.core.http.parsers import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"{} {}", "malformed_json"),
        (b"\xff", "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        (b'{"a": NaN}', "malformed_json"),
        (b'{"a": -Infinity}', "malformed_json"),
        (b'{"a": 1e400}', "malformed_json"),
        (b'{"a": ' + b"9" * 31 + b"}", "malformed_json"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"x": {"a": 1, "b": 2, "a": 3}}', "duplicate_key"),
        (b'{"a": "\\u0000"}', "unstorable_text"),
        (b'{"\\u0000": 1}', "unstorable_text"),
        (b'{"a": ["\\ud800"]}', "unstorable_text"),
        (b'{"a": "\\udc00"}', "unstorable_text"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
    ],
)
def test_json_that_readers_disagree_about_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(SlipwayError) as caught:
        parse_json(body)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),  # a pair of surrogates is one sound character
        ('{"a": "é\u202e"}'.encode(), {"a": "é\u202e"}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'"' + b"[{" * 500 + b'"', "[{" * 500),  # brackets within a text are no depth
        (b'"' + b'\\"[' * 100 + b'"', '"[' * 100),
        (b'{"a": 1.5, "b": -3, "c": null, "d": true}', {"a": 1.5, "b": -3, "c": None, "d": True}),
    ],
)
def test_sound_json_is_read(body: bytes, value: object) -> None:
    parsed = parse_json(body)
    assert value is None or parsed == value
