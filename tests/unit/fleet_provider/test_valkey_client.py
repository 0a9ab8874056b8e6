"""What is read of the wire, what is tried again, and what a person is told; the server is played by a socket."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fleet_provider.clients.valkey import Refusal, Session, Valkey
from fleet_provider.credentials import ValkeyCredentials
from fleet_provider.faults import Fault

PASSWORD = "hunter2"
AUTH = b"*3\r\n$4\r\nAUTH\r\n$5\r\nadmin\r\n$7\r\nhunter2\r\n"


@contextmanager
def played(*answers: bytes, patience_seconds: float = 0.5) -> Iterator[tuple[Valkey, list[bytes]]]:
    """Play a server that takes one connection for each answer, in their order.

    Each answer is sent as soon as somebody connects; then the connection is ended. What was heard is collected.
    """
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                said = b""
                while piece := connection.recv(65536):
                    said += piece
                heard.append(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        credentials = ValkeyCredentials(
            host="127.0.0.1", port=port, user="admin", password=PASSWORD, public_host="h", public_port=1
        )
        valkey = Valkey(credentials, patience_seconds=patience_seconds)
        try:
            yield valkey, heard
        finally:
            valkey.close()
            thread.join()


def asked(valkey: Valkey, work: Callable[[Session], object] = lambda session: session.call("ANY")) -> object:
    return valkey.run("Testing", work)


@pytest.mark.parametrize(
    ("wire", "answer"),
    [
        (b"+PONG\r\n", "PONG"),
        (b":-7\r\n", -7),
        (b"$5\r\nhe\r\no\r\n", "he\r\no"),
        (b"$0\r\n\r\n", ""),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*3\r\n:1\r\n*1\r\n$1\r\na\r\n$-1\r\n", [1, ["a"], None]),
        (b"$2\r\n\xff\xfe\r\n", b"\xff\xfe".decode("utf-8", "surrogateescape")),
    ],
)
def test_every_kind_of_answer_is_read(wire: bytes, answer: object) -> None:
    with played(b"+OK\r\n" + wire) as (valkey, _):
        assert asked(valkey) == answer


def test_what_is_sent_is_counted_in_bytes_and_never_quoted() -> None:
    key = b"a \xff\r\n".decode("utf-8", "surrogateescape")
    with played(b"+OK\r\n:1\r\n") as (valkey, heard):
        asked(valkey, lambda session: session.call("SET", key, "ü", 7))
    assert heard == [AUTH + b"*4\r\n$3\r\nSET\r\n$5\r\na \xff\r\n\r\n$2\r\n\xc3\xbc\r\n$1\r\n7\r\n"]


def test_several_commands_travel_together_and_a_refusal_leaves_no_answer_behind() -> None:
    with played(b"+OK\r\n:1\r\n-ERR no\r\n:3\r\n:4\r\n") as (valkey, _):

        def work(session: Session) -> object:
            with pytest.raises(Refusal, match="ERR no"):
                session.calls([("A",), ("B",), ("C",)])
            return session.call("D")

        assert asked(valkey, work) == 4


@pytest.mark.parametrize("broken", [b"", b"+OK\r\n", b"+OK\r\n$5\r\nhe", b"+OK\r\n:1", b"-LOADING wait\r\n"])
def test_a_lost_connection_is_replaced_and_the_work_done_again(broken: bytes) -> None:
    with played(broken, b"+OK\r\n:1\r\n") as (valkey, heard):
        assert asked(valkey) == 1
    assert len(heard) == 2


def test_passing_trouble_is_sat_out_on_the_same_connection() -> None:
    with played(b"+OK\r\n-LOADING the data\r\n-BUSY a script\r\n:1\r\n") as (valkey, heard):
        assert asked(valkey) == 1
    assert len(heard) == 1


def test_patience_ends() -> None:
    with (
        played(b"+OK\r\n" + b"-LOADING the data\r\n" * 50) as (valkey, heard),
        pytest.raises(Fault, match="still loading"),
    ):
        asked(valkey)
    assert 2 < heard[0].count(b"ANY") < 50


def test_a_refused_admin_is_not_tried_again_and_the_password_not_told() -> None:
    with (
        played(b"-WRONGPASS invalid\r\n") as (valkey, heard),
        pytest.raises(Fault, match="refuses its admin") as caught,
    ):
        asked(valkey)
    assert heard == [AUTH]
    assert PASSWORD not in caught.value.text + repr(valkey.credentials)


def test_who_answers_like_no_valkey_is_named_as_such() -> None:
    with played(b"HTTP/1.1 400 Bad Request\r\n\r\n", patience_seconds=0) as (valkey, _), pytest.raises(Fault) as caught:
        asked(valkey)
    assert "does not speak as Valkey does" in caught.value.detail


@pytest.mark.parametrize(
    ("said", "summary"),
    [
        ("NOPERM this user", "the admin may not do that"),
        ("OOM command not allowed", "the server's memory is full"),
        ("READONLY You can't write", "the server only reads"),
        ("MISCONF Errors writing", "cannot write its data to disk"),
        ("WRONGTYPE Operation", "the key holds something else"),
        ("ERR This instance is not configured to use an ACL file.", "keeps its users in no file"),
        ("ERR anything else", "Valkey refuses"),
    ],
)
def test_each_refusal_says_what_it_means_where_it_was_and_what_to_do(said: str, summary: str) -> None:
    with played(f"+OK\r\n-{said}\r\n".encode()) as (valkey, _):
        with pytest.raises(Fault) as caught:
            asked(valkey)
        place = f"Valkey at 127.0.0.1:{valkey.credentials.port}, as admin: {said}"
    assert summary in caught.value.summary
    assert caught.value.detail == place
    assert caught.value.remedy


def test_a_digest_that_the_server_quotes_is_not_passed_on() -> None:
    digest = "ab" * 32
    said = f"+OK\r\n-ERR Error in ACL SETUSER modifier '#{digest}': no\r\n"
    with played(said.encode()) as (valkey, _), pytest.raises(Fault) as caught:
        asked(valkey)
    assert digest not in caught.value.text
    assert "[redacted]" in caught.value.text
