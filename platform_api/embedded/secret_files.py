"""Secrets of the local stack: made once from the system's randomness, kept in files of mode 0600."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

from platform_api.embedded.folder import private_write

_SCRAM_ITERATIONS = 4096  # PostgreSQL's own default


def secret_once(path: Path, make: Callable[[], str]) -> str:
    """Read a secret from its file, or make it and the file when there is none."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        text = make()
        private_write(path, text + "\n")
        return text


def password_make() -> str:
    """Make a password of 256 random bits; of letters, digits, ``-`` and ``_``, so it needs no quoting."""
    return secrets.token_urlsafe(32)


def sealing_keys_make() -> str:
    """Make the first generation of sealing keys: ``1:`` and 32 random bytes in base 64."""
    return f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def valkey_users(user: str, password: str) -> str:
    """List one administrator for a Valkey's file of users, by the hash of the password; nobody else may log in."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    nobody = "" if user == "default" else "user default off\n"
    return f"{nobody}user {user} on #{digest} ~* &* +@all\n"


def scram_verifier(password: str) -> str:
    """Turn a password into what PostgreSQL stores of it (RFC 5803).

    ``CREATE ROLE ... PASSWORD`` takes it in place of the password, which then reaches neither the wire, nor
    an environment, nor a server log that quotes the statement. The password is plain ASCII, so SASLprep
    changes nothing.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{salt_text}${stored_text}:{server_text}"
