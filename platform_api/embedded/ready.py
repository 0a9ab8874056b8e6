"""Ask a part whether it serves: by a real login, a real answer, never by an open port of TCP alone."""

import http.client
import socket
from urllib.parse import unquote, urlsplit

import psycopg

_SECONDS = 2  # for one look; another follows
_HTTP_OK = 200


def postgres_answers(url: str) -> bool:
    """Log in to a database and ask it something."""
    try:
        with psycopg.connect(url, connect_timeout=_SECONDS, autocommit=True) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def valkey_answers(url: str) -> bool:
    """Log in to a Valkey and ping it; one that is still loading its data does not answer yet.

    Args:
        url: With user and password, both without blanks, as this stack makes them.
    """
    parts = urlsplit(url)
    login = f"AUTH {unquote(parts.username or 'default')} {unquote(parts.password or '')}\r\nPING\r\n"
    expected = b"+OK\r\n+PONG\r\n"
    answer = b""
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=_SECONDS) as connection:
            connection.sendall(login.encode())
            while len(answer) < len(expected) and (chunk := connection.recv(len(expected))):
                answer += chunk
    except OSError:
        return False
    return answer == expected


def socket_answers(path: str) -> bool:
    """Call a unix socket; a file whose listener is gone does not count."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_SECONDS)
        return probe.connect_ex(path) == 0


def http_answers(url: str, path: str) -> bool:
    """Ask a web server for a page; only 200 counts. No proxy is used."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status == _HTTP_OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
