"""Keep a run's secrets out of what people read."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

REPLACEMENT = "[redacted]"
SHORTEST_SECRET = 4
"""Characters; what is shorter would tear holes into every line and guess as well as read."""

# What is a secret wherever it stands: our own tokens, and the password in an address.
_PATTERNS = (
    re.compile(r"slw_(?:pat|svc|ci)_[A-Za-z0-9_-]+"),
    # The length is bounded, so that a hostile line costs no quadratic time.
    re.compile(r"(?:postgres(?:ql)?|rediss?|amqps?|https?)://[^\s:/@]{0,256}:(?P<secret>\S{1,512})@"),
)
_BASE64_LEAD = (0, 2, 3)  # characters that the 0, 1 or 2 bytes before a secret have a part in
_SHORTEST_BASE64 = 8


class Redactor:
    """Replaces secrets in text: those it was told, in every form they travel in, and those of known shape.

    It never fails: whatever is not text passes unchanged.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secrets of a run.

        Args:
            secrets: Clear texts; those shorter than `SHORTEST_SECRET` are passed over.
        """
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._forms = frozenset(form for secret in known for form in _forms(secret))

    def text(self, text: str) -> str:
        """Replace each secret in a text; secrets that overlap become one replacement."""
        parts: list[str] = []
        position = 0
        for start, end in _merged(sorted(self._spans(text))):
            parts += (text[position:start], REPLACEMENT)
            position = end
        return "".join((*parts, text[position:]))

    def value(self, value: Any) -> Any:
        """Replace secrets in every text of a JSON value, keys included."""
        # Most values hold none, and one look at all texts together costs a tenth of a look at each. A secret cannot
        # begin in one text and end in another; that the look may see one there costs nothing but the long way.
        together = "\0".join(_texts(value))
        return self._replaced(value) if next(self._spans(together), None) else value

    def _replaced(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self._replaced(item) for item in value]
        if isinstance(value, dict):
            return {self._replaced(key): self._replaced(item) for key, item in value.items()}
        return value

    def holds_secret(self, value: Any) -> bool:
        """Whether a JSON value holds a secret that this redactor was told."""
        if isinstance(value, str):
            return any(form in value for form in self._forms)
        if isinstance(value, list | tuple):
            return any(map(self.holds_secret, value))
        if isinstance(value, dict):
            return any(self.holds_secret(key) or self.holds_secret(item) for key, item in value.items())
        return False

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            start = text.find(form)
            while start >= 0:
                yield start, start + len(form)
                start = text.find(form, start + 1)
        for pattern in _PATTERNS:
            for match in pattern.finditer(text):
                yield match.span("secret" if "secret" in pattern.groupindex else 0)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)


def credential_secrets(credentials: Any) -> Iterator[str]:
    """Give the passwords in admin credentials: those in addresses, as written and as meant, and those of that name.

    Args:
        credentials: JSON value of any shape.
    """
    if isinstance(credentials, Mapping):
        for name, value in credentials.items():
            if name == "password" and isinstance(value, str):
                yield value
            yield from credential_secrets(value)
    elif isinstance(credentials, str) and "://" in credentials:
        try:
            password = urlsplit(credentials).password
        except ValueError:  # a broken address; the provider refuses it without quoting it
            return
        if password:
            yield password
            yield unquote(password)


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join spans that touch or overlap; they come sorted."""
    current: tuple[int, int] | None = None
    for start, end in spans:
        if current is not None and start <= current[1]:
            current = (current[0], max(current[1], end))
            continue
        if current is not None:
            yield current
        current = (start, end)
    if current is not None:
        yield current


def _forms(secret: str) -> Iterator[str]:
    """Give a secret as JSON, an address and base 64 write it."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    content = secret.encode("utf-8", errors="replace")
    yield quote(content)
    yield quote(content, safe="")
    yield quote_plus(content)
    for before, lead in enumerate(_BASE64_LEAD):
        # Inside a longer text ("user:password") the same bytes read differently by their distance from the
        # start, and the characters at both ends depend on the neighbors; what is between them does not.
        length = before + len(content)
        encoded = base64.b64encode(b"\0" * before + content).decode()[lead : length * 8 // 6]
        if len(encoded) >= _SHORTEST_BASE64:
            yield encoded
            yield encoded.translate(str.maketrans("+/", "-_"))
