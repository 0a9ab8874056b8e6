"""Sealing: AES-256-GCM envelopes for whatever must be kept and must not be read.

Each secret has a random data key of its own, wrapped by one of the installation's keys. The *place* of a secret (table,
row, field, tenant) is authenticated with it, so that a sealed value moved to another row does not open there.
"""

import base64
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

KEY_BYTES = 32
NONCE_BYTES = 12  # the length that GCM is defined for
TAG_BYTES = 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
COMPRESSED, PLAIN = 1, 2
"""Formats: what is sealed is compressed, or it is as it came."""

SHORT_BYTES = 2048
"""Up to here it is not compressed: that costs more than all else that sealing does, and saves a few hundred bytes."""


class SealingKeysError(ValueError):
    """SLIPWAY_SEALING_KEYS cannot be read; the text never quotes a key."""


class SealBrokenError(Exception):
    """A sealed value does not open: wrong key, altered bytes, or another place than it was sealed for."""


@dataclass(frozen=True)
class KeyRing:
    """The installation's keys by number; the highest number seals, all of them open.

    Attributes:
        keys: 32 random bytes by key number (1 to 255).
    """

    keys: Mapping[int, bytes]

    @classmethod
    def from_text(cls, text: str) -> "KeyRing":
        """Read ``NUMBER:BASE64`` words, separated by blanks or commas.

        Raises:
            SealingKeysError: No key, a number twice or out of 1 to 255, or not 32 bytes.
        """
        keys: dict[int, bytes] = {}
        for word in text.replace(",", " ").split():
            number_text, _, encoded = word.partition(":")
            try:
                number, key = int(number_text), base64.b64decode(encoded, validate=True)
            except ValueError:
                msg = "SLIPWAY_SEALING_KEYS holds a word that is not NUMBER:BASE64."
                raise SealingKeysError(msg) from None
            if number in keys or not 1 <= number <= 255 or len(key) != KEY_BYTES:  # noqa: PLR2004 - one byte
                msg = f"SLIPWAY_SEALING_KEYS: key {number} must be new, from 1 to 255, and {KEY_BYTES} bytes long."
                raise SealingKeysError(msg)
            keys[number] = key
        if not keys:
            raise SealingKeysError("SLIPWAY_SEALING_KEYS holds no key.")
        return cls(keys)

    def seal(self, secret: bytes, *, place: str) -> bytes:
        """Return the envelope: format, key number, wrapped data key, nonce, ciphertext with its tag.

        Args:
            secret: What to keep; compressed before it is sealed where it is long, because states are repetitive.
            place: Where it will be kept, e.g. ``state_version/<id>/content``; needed again to open it.
        """
        number, wrapper = self._newest
        is_short = len(secret) <= SHORT_BYTES
        header = bytes([PLAIN if is_short else COMPRESSED, number])
        drawn = os.urandom(KEY_BYTES + 2 * NONCE_BYTES)
        data_key, wrap_nonce, nonce = drawn[:KEY_BYTES], drawn[KEY_BYTES:-NONCE_BYTES], drawn[-NONCE_BYTES:]
        associated = header + place.encode()
        wrapped = wrap_nonce + wrapper.encrypt(wrap_nonce, data_key, associated)
        content = secret if is_short else zlib.compress(secret)
        return header + wrapped + nonce + AESGCM(data_key).encrypt(nonce, content, associated)

    @cached_property
    def _newest(self) -> tuple[int, AESGCM]:
        """The number of the key that seals, and what wraps data keys with it."""
        number = max(self.keys)
        return number, AESGCM(self.keys[number])

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """Return what was sealed for this place.

        Raises:
            SealBrokenError: Unknown format or key, altered, cut, or sealed for another place.
        """
        header, rest = sealed[:2], sealed[2:]
        if len(header) != 2 or header[0] not in {COMPRESSED, PLAIN} or header[1] not in self.keys:  # noqa: PLR2004 - two bytes
            raise SealBrokenError("The value is not sealed by any key of this installation.")
        associated = header + place.encode()
        wrapped, nonce = rest[:WRAPPED_BYTES], rest[WRAPPED_BYTES : WRAPPED_BYTES + NONCE_BYTES]
        try:
            data_key = AESGCM(self.keys[header[1]]).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], associated)
            content = AESGCM(data_key).decrypt(nonce, rest[WRAPPED_BYTES + NONCE_BYTES :], associated)
        except (InvalidTag, ValueError):
            raise SealBrokenError(f"What is kept at {place.split('/', 1)[0]} does not open.") from None
        return content if header[0] == PLAIN else zlib.decompress(content)


@lru_cache(maxsize=1)
def _ring(text: str) -> KeyRing:
    return KeyRing.from_text(text)


def seal(secret: bytes, *, place: str) -> bytes:
    """Seal for a place with the installation's newest key; see ``KeyRing.seal``."""
    return _ring(settings.SEALING_KEYS).seal(secret, place=place)


def unseal(sealed: bytes, *, place: str) -> bytes:
    """Open what was sealed for a place; see ``KeyRing.open``."""
    return _ring(settings.SEALING_KEYS).open(bytes(sealed), place=place)


def seal_json(value: object, *, place: str) -> bytes:
    """Seal a JSON value for a place."""
    return seal(json.dumps(value, separators=(",", ":")).encode(), place=place)


def unseal_json(sealed: bytes, *, place: str) -> object:
    """Open a JSON value that was sealed for a place."""
    value: object = json.loads(unseal(sealed, place=place))
    return value
