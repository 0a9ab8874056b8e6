"""Typed, loud readers of environment variables; the only place that reads ``os.environ`` for Django's settings.

Every reader records the variable's name in ``READ``, so that a test can compare ``.env.example`` with what is read.
An empty variable counts as one that is not set: what starts containers passes on empty what nobody has chosen.
A secret may be given by value (``NAME``) or by the path of a file that holds it (``NAME_FILE``), never by both.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

READ: set[str] = set()
"""Names of all variables that the settings have asked for."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def preset(name: str, value: str) -> None:
    """Give a variable a value where it has none; for entry points, before the settings are read."""
    os.environ[name] = os.environ.get(name) or value


def _given(name: str) -> str | None:
    READ.add(name)
    return os.environ.get(name) or None


def text(name: str, *, default: str | None = None, choices: Sequence[str] = ()) -> str:
    """Read a plain value; without a default the variable must be set.

    Raises:
        ImproperlyConfigured: The variable is missing, or is not one of ``choices``.
    """
    value = _given(name) or default
    if value is None:
        msg = f"{name} is not set. See .env.example for what it means."
        raise ImproperlyConfigured(msg)
    if choices and value not in choices:
        msg = f"{name} must be one of {', '.join(choices)}; it is {value!r}."
        raise ImproperlyConfigured(msg)
    return value


def secret(name: str, *, default: str | None = None) -> str:
    """Read a secret from ``NAME`` or from the file that ``NAME_FILE`` points to; its text is never shown.

    Raises:
        ImproperlyConfigured: Both forms are given, the file cannot be read, or nothing is given and no default is.
    """
    file_name = f"{name}_FILE"
    value, path = _given(name), os.environ.get(file_name) or None
    if value is not None and path is not None:
        msg = f"{name} and {file_name} are both set; set one of them."
        raise ImproperlyConfigured(msg)
    if path is not None:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            msg = f"{file_name} points to {path}, which cannot be read: {error.strerror}."
            raise ImproperlyConfigured(msg) from error
    value = value or default
    if value is None:
        msg = f"{name} (or {file_name}) is not set. See .env.example for what it means."
        raise ImproperlyConfigured(msg)
    return value


def is_given(name: str) -> bool:
    """Tell whether a secret is given in either form."""
    return bool(_given(name) or os.environ.get(f"{name}_FILE"))


def flag(name: str, *, default: bool) -> bool:
    """Read a switch: ``1``, ``true``, ``yes``, ``on`` or ``0``, ``false``, ``no``, ``off``.

    Raises:
        ImproperlyConfigured: Any other word; a guess would be worse than a stop.
    """
    value = _given(name)
    if value is None:
        return default
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    try:
        return words[value.strip().lower()]
    except KeyError:
        msg = f"{name} must be one of {', '.join(words)}; it is {value!r}."
        raise ImproperlyConfigured(msg) from None


def integer(name: str, *, default: int, minimum: int, maximum: int) -> int:
    """Read a whole number within ``minimum`` and ``maximum``, both allowed.

    Raises:
        ImproperlyConfigured: Not a whole number, or out of range.
    """
    value = _given(name) or str(default)
    try:
        number = int(value)
    except ValueError:
        msg = f"{name} must be a whole number; it is {value!r}."
        raise ImproperlyConfigured(msg) from None
    if not minimum <= number <= maximum:
        msg = f"{name} must be from {minimum} to {maximum}; it is {number}."
        raise ImproperlyConfigured(msg)
    return number


def words(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """Read a comma-separated list; blanks around the words are dropped."""
    value = _given(name)
    return list(default) if value is None else [word.strip() for word in value.split(",") if word.strip()]


def is_issuer(address: str) -> bool:
    """Tell whether an address may be an issuer's (OpenID Connect Discovery 1.0, section 3): https, or on this machine.

    What is fetched from below it decides who is believed; it must be what the host has sent.
    """
    try:
        parts = urlsplit(address)
    except ValueError:  # half an address of IPv6
        return False
    is_whole = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    return is_whole and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
