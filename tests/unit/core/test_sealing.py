import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.core.sealing import SHORT_BYTES, KeyRing, SealBrokenError, SealingKeysError, seal_json, unseal_json

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
RING = KeyRing({1: OLD, 2: NEW})
OVERHEAD = 2 + 12 + 32 + 16 + 12 + 16
"""Format and key's number; nonce, data key and tag; nonce and tag."""

SEALED_COMPRESSED = (
    "AQI+3jn8jeYTDIcAsFO2WFITHWB45KKjPaFvKdtrOG60z6+WXWZ78Km1vr/zZjxlqZA4modK9GmnCmytRUpSFAAQAYorbW03UcYp"
    "nTWCUGxQ36fg76jPZTR3wWbG/lbVLB0h3nVkQno="
)
"""``secret`` for ``run/1/plan``, by an earlier version with key 2."""


@given(st.binary(max_size=2000))
def test_what_was_sealed_opens_at_its_place(secret: bytes) -> None:
    assert RING.open(RING.seal(secret, place="run/1/plan"), place="run/1/plan") == secret


@pytest.mark.parametrize("length", [0, SHORT_BYTES - 1, SHORT_BYTES, SHORT_BYTES + 1, 100_000])
def test_secrets_of_any_length_open_and_long_ones_are_compressed(length: int) -> None:
    secret = bytes(range(250)) * (length // 250) + b"x" * (length % 250)
    sealed = RING.seal(secret, place="p")
    assert RING.open(sealed, place="p") == secret
    assert len(sealed) < length / 4 if length > SHORT_BYTES else len(sealed) == length + OVERHEAD


def test_what_was_sealed_before_short_secrets_were_left_as_they_are_still_opens() -> None:
    sealed = base64.b64decode(SEALED_COMPRESSED)
    assert RING.open(sealed, place="run/1/plan") == b"secret"


def test_a_sealed_value_moved_to_another_row_does_not_open() -> None:
    sealed = RING.seal(b"secret", place="run/1/plan")
    with pytest.raises(SealBrokenError):
        RING.open(sealed, place="run/2/plan")


@pytest.mark.parametrize("position", [0, 1, 2, 20, 61, 62, 80, -1])
def test_an_altered_byte_is_noticed(position: int) -> None:
    sealed = bytearray(RING.seal(b"secret", place="run/1/plan"))
    sealed[position] ^= 1
    with pytest.raises(SealBrokenError):
        RING.open(bytes(sealed), place="run/1/plan")


@pytest.mark.parametrize("length", [0, 1, 2, 61, 73, 80])
def test_a_cut_value_is_noticed(length: int) -> None:
    with pytest.raises(SealBrokenError):
        RING.open(RING.seal(b"secret", place="p")[:length], place="p")


def test_the_newest_key_seals_and_the_older_still_opens() -> None:
    before = KeyRing({1: OLD}).seal(b"old secret", place="p")
    assert RING.open(before, place="p") == b"old secret"
    with pytest.raises(SealBrokenError):
        KeyRing({1: OLD}).open(RING.seal(b"new secret", place="p"), place="p")


def test_two_seals_of_one_secret_differ() -> None:
    assert RING.seal(b"secret", place="p") != RING.seal(b"secret", place="p")


def test_json_is_sealed_with_the_keys_of_the_settings() -> None:
    sealed = seal_json({"password": "x"}, place="p")
    assert b"password" not in sealed
    assert unseal_json(sealed, place="p") == {"password": "x"}


@pytest.mark.parametrize(
    "text",
    ["", "1", "1:", "x:" + base64.b64encode(NEW).decode(), "1:####", "0:" + base64.b64encode(NEW).decode(),
     "256:" + base64.b64encode(NEW).decode(), "1:" + base64.b64encode(NEW[:16]).decode(),
     " ".join(["1:" + base64.b64encode(NEW).decode()] * 2)],
)  # fmt: skip
def test_keys_that_cannot_be_meant_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(SealingKeysError) as caught:
        KeyRing.from_text(text)
    assert base64.b64encode(NEW).decode() not in str(caught.value)
