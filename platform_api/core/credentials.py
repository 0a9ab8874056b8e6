"""Passwords that the platform makes for customers, and what is stored of them elsewhere instead."""

import base64
import hashlib
import hmac
import secrets

_PASSWORD_BYTES = 24
_SALT_BYTES = 16  # PostgreSQL's own length


def password_make() -> str:
    """Make a password that nobody needs to type.

    Returns:
        32 URL-safe characters with 192 random bits; secret. So many bits make guessing hopeless even from an
        unsalted digest, and the characters need no quoting in a connection URI.
    """
    return secrets.token_urlsafe(_PASSWORD_BYTES)


def scram_sha_256_verifier(password: str, *, salt: bytes | None = None, iterations: int = 4096) -> str:
    """Derive what PostgreSQL stores of a password, so that the password itself never travels (RFC 5803).

    The verifier does not let anybody log in, but a weak password can be guessed from it offline: keep it
    secret too.

    Args:
        password: Printable ASCII. Other text would need SASLprep (RFC 4013) first, and the platform makes no
            such passwords.
        salt: Random bytes, a new one for each password; None: 16 bytes are drawn.
        iterations: Rounds of PBKDF2; 4096 is the least that RFC 7677 allows and PostgreSQL's default. More
            would slow down each log-in and add nothing to 192 random bits.

    Returns:
        ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``, the last three in base 64.

    Raises:
        ValueError: The password is empty or not printable ASCII.
    """
    if not password or not password.isascii() or not password.isprintable():
        msg = "the password must be printable ASCII and not empty"
        raise ValueError(msg)
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    in_base_64 = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return "SCRAM-SHA-256${}:{}${}:{}".format(iterations, *in_base_64)


def sha256_verifier(password: str) -> str:
    """Derive what a Valkey stores of a password: the plain SHA-256, as 64 hex digits.

    There is no salt and no second round, so a password that somebody could think of is found from it in no time. It is
    sound for `password_make` only, whose 192 random bits (128 would do) cannot be guessed; never use it for a password
    that a person chose.
    """
    return hashlib.sha256(password.encode()).hexdigest()
