import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.terraform.redaction import REPLACEMENT, Redactor, credential_secrets

SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=40)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(SECRETS, TEXTS, TEXTS)
def test_no_form_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    for form in (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
    ):
        redacted = redactor.text(f"{before}{form}{after}")
        assert REPLACEMENT in redacted
        if form not in REPLACEMENT and form not in before + REPLACEMENT + after:
            assert form not in redacted


@given(st.binary(min_size=0, max_size=5), st.text("abcXYZ0189é", min_size=12, max_size=40), st.binary(max_size=5))
def test_base_64_hides_a_secret_wherever_it_stands_in_what_is_encoded(before: bytes, secret: str, after: bytes) -> None:
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    redacted = Redactor([secret]).text(f"Authorization: Basic {encoded}")
    assert REPLACEMENT in redacted
    left = redacted.removeprefix("Authorization: Basic ").replace(REPLACEMENT, "")
    whole = len(base64.b64encode(before)) + len(base64.b64encode(after)) + 8
    assert len(left) <= whole


@given(
    st.lists(SECRETS, max_size=4),
    st.recursive(
        TEXTS | st.integers() | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
)
def test_it_never_fails_and_keeps_the_shape(secrets: list[str], value: object) -> None:
    redacted: object = Redactor(secrets).value(value)
    assert type(redacted) is type(value)
    if isinstance(value, list):
        assert isinstance(redacted, list)
        assert len(redacted) == len(value)


@given(TEXTS)
def test_without_secrets_harmless_text_passes_unchanged(text: str) -> None:
    if "slw_" not in text and "://" not in text:
        assert Redactor().text(text) == text


def test_secrets_that_overlap_leave_no_rest() -> None:
    assert Redactor(["abcdef", "defghijkl", "cdef"]).text("-abcdefghijkl-") == f"-{REPLACEMENT}-"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token slw_pat_Ab3-x_9 end", "token [redacted] end"),
        ("postgresql://admin:s3cr:et@host/db", "postgresql://admin:[redacted]@host/db"),
        ("redis://:pa/ss@host", "redis://:[redacted]@host"),
        ("see https://docs.example/a:b and a@b", "see https://docs.example/a:b and a@b"),
    ],
)
def test_what_is_a_secret_by_its_shape_is_replaced(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


def test_what_is_too_short_to_be_told_from_text_is_passed_over() -> None:
    assert Redactor(["", "a", "abc"]).text("abc and a") == "abc and a"


def test_a_secret_is_found_in_values_and_keys() -> None:
    redactor = Redactor(["hunter22"])
    assert redactor.holds_secret({"a": [{"xhunter22": 1}]})
    assert redactor.holds_secret(["-hunter22-"])
    assert not redactor.holds_secret({"a": [1, None, "hunter"]})


def test_passwords_are_found_in_credentials_as_written_and_as_meant() -> None:
    credentials = {"postgres": {"url": "postgresql://admin:p%40ss@127.0.0.1/x"}, "valkey": {"password": "other"}}
    assert set(credential_secrets(credentials)) == {"p%40ss", "p@ss", "other"}
    assert list(credential_secrets({"url": "postgresql://[broken"})) == []
    assert list(credential_secrets(None)) == []
