"""Learn from an unfinished login which SCRAM secret a PostgreSQL role has, without its password.

A server that asks for SCRAM-SHA-256 tells salt and iteration count before the client proves anything (RFC
5802, section 3). PostgreSQL draws a new 16 byte salt whenever a password is set, and makes up another one for
a role that is missing or has no password. So the salt tells whether the password that was set last is still
there.

What it cannot tell: somebody who knows the verifier could set another one with the same salt on purpose, and
a server whose pg_hba.conf does not ask this client for SCRAM (trust, cert, ldap, reject) tells no salt at
all.
"""

import re
import secrets
import socket
import ssl
import struct

from fleet_provider.credentials import PostgresCredentials

VERIFIER = re.compile(
    r"SCRAM-SHA-256\$(?P<iterations>[1-9][0-9]{3,6})"
    r":(?P<salt>(?:[A-Za-z0-9+/]{4}){5,}[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/][A-Za-z0-9+/=]))"
    r"\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}="
)
"""A whole SCRAM-SHA-256 secret as PostgreSQL stores it: iterations, salt (16 bytes up), StoredKey, ServerKey.

PostgreSQL takes whatever is not exactly such a secret as a password in clear, silently, hence a full match.
"""

_PROTOCOL_3 = 196608
_SSL_REQUEST = 80877103
_AUTHENTICATION_MD5, _AUTHENTICATION_SASL, _AUTHENTICATION_SASL_CONTINUE = 5, 10, 11
_SECONDS = 5.0


def scram_verifier_is_set(credentials: PostgresCredentials, *, role: str, verifier: str) -> bool | None:
    """Tell whether a role still has the given verifier, as far as an unfinished login shows it.

    Args:
        credentials: The server, and how much TLS is asked for; neither admin nor password is used.
        role: The role whose login is begun.
        verifier: What was set last; matches ``VERIFIER``.

    Returns:
        True or False by comparing salt and iteration count, None where the server does not show them.
    """
    expected = VERIFIER.fullmatch(verifier)
    if expected is None:
        return False
    try:
        with (
            socket.create_connection((credentials.host, credentials.port), timeout=_SECONDS) as plain,
            _secured(plain, credentials) as server,
        ):
            kind, body = _first_answer(server, role=role, database=credentials.database)
    except (OSError, EOFError, struct.error):
        return None
    if kind == _AUTHENTICATION_MD5:
        return False
    if kind != _AUTHENTICATION_SASL_CONTINUE:
        return None
    fields = dict(item.split("=", 1) for item in body.decode("ascii", "replace").split(",") if "=" in item)
    return (fields.get("s"), fields.get("i")) == (expected["salt"], expected["iterations"])


def _secured(plain: socket.socket, credentials: PostgresCredentials) -> socket.socket:
    """Ask for TLS as libpq does with the same ``sslmode``."""
    if credentials.sslmode in {"disable", "allow"}:
        return plain
    plain.sendall(struct.pack("!ii", 8, _SSL_REQUEST))
    if plain.recv(1) != b"S":
        if credentials.sslmode == "prefer":
            return plain
        raise EOFError
    context = ssl.create_default_context(cafile=credentials.sslrootcert or None)
    context.check_hostname = credentials.sslmode == "verify-full"
    if not credentials.sslmode.startswith("verify-"):
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=credentials.host)


def _first_answer(server: socket.socket, *, role: str, database: str) -> tuple[int, bytes]:
    """Begin the login; return the kind of the server's last authentication message and its body."""
    start = b"".join(text.encode() + b"\0" for text in ("user", role, "database", database)) + b"\0"
    server.sendall(struct.pack("!ii", len(start) + 8, _PROTOCOL_3) + start)
    kind, body = _authentication(server)
    if kind != _AUTHENTICATION_SASL or b"SCRAM-SHA-256" not in body.split(b"\0"):
        return kind, body
    hello = f"n,,n=,r={secrets.token_urlsafe(18)}".encode()
    answer = b"SCRAM-SHA-256\0" + struct.pack("!i", len(hello)) + hello
    server.sendall(b"p" + struct.pack("!i", len(answer) + 4) + answer)
    return _authentication(server)


def _authentication(server: socket.socket) -> tuple[int, bytes]:
    """Read one message; an error message counts as an authentication of no known kind (-1)."""
    tag, length = struct.unpack("!ci", _exactly(server, 5))
    body = _exactly(server, length - 4)
    if tag != b"R":
        return -1, body
    return struct.unpack("!i", body[:4])[0], body[4:]


def _exactly(server: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        piece = server.recv(min(count - len(content), 65536))
        if not piece:
            raise EOFError
        content += piece
    return content
