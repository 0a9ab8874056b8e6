"""What is tried again, for how long, and what a person is told in the end; the server is played."""

from unittest.mock import Mock

import psycopg
import pytest
from psycopg import errors

from fleet_provider.clients.postgres import Postgres, Session
from fleet_provider.credentials import PostgresCredentials
from fleet_provider.faults import Fault

CREDENTIALS = PostgresCredentials(
    host="db.internal",
    port=5432,
    user="admin",
    password="hunter2",
    database="postgres",
    public_host="db.internal",
    public_port=5432,
)


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Mock:
    connection = Mock(spec=psycopg.Connection, closed=False)
    connection.info.server_version = 180000
    monkeypatch.setattr(psycopg, "connect", Mock(return_value=connection))
    return connection


def failing(*troubles: Exception) -> Mock:
    return Mock(side_effect=[*troubles, "done"])


@pytest.mark.parametrize(
    "trouble",
    [
        errors.ObjectInUse(),
        errors.InternalError_(),
        errors.DeadlockDetected(),
        errors.SerializationFailure(),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_passing_trouble_is_sat_out(connection: Mock, trouble: Exception) -> None:
    work = failing(trouble, trouble)

    assert Postgres(CREDENTIALS).run("Testing", work) == "done"

    assert work.call_count == 3
    assert isinstance(work.call_args.args[0], Session)


def test_trouble_that_one_piece_of_work_calls_passing_is_sat_out_there_only(connection: Mock) -> None:
    postgres = Postgres(CREDENTIALS)

    assert postgres.run("Testing", failing(errors.DuplicateDatabase()), passing=frozenset({"42P04"})) == "done"
    with pytest.raises(Fault, match="Testing"):
        postgres.run("Testing", failing(errors.DuplicateDatabase()))


def test_patience_ends(connection: Mock) -> None:
    work = failing(*[errors.ObjectInUse()] * 50)

    with pytest.raises(Fault) as caught:
        Postgres(CREDENTIALS, patience_seconds=0.2).run("Testing", work)

    assert "SQLSTATE 55006" in caught.value.detail
    assert 1 < work.call_count < 50


def test_a_lost_session_is_replaced_and_the_work_done_again(connection: Mock) -> None:
    def lose(_: Session) -> str:
        connection.closed = not connection.closed
        if connection.closed:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return "done"

    connect = psycopg.connect
    assert isinstance(connect, Mock)

    assert Postgres(CREDENTIALS).run("Testing", lose) == "done"

    assert connect.call_count == 2


def test_a_refused_admin_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = psycopg.OperationalError("password authentication failed", pgconn=Mock(used_password=True))
    connect = Mock(side_effect=refused)
    monkeypatch.setattr(psycopg, "connect", connect)

    with pytest.raises(Fault, match="refuses its admin"):
        Postgres(CREDENTIALS).run("Testing", failing())

    connect.assert_called_once()


def test_the_texts_name_the_place_and_never_the_password_or_the_statement(connection: Mock) -> None:
    trouble = errors.InsufficientPrivilege('permission denied\nLINE 1: ALTER ROLE x PASSWORD "hunter2"')

    with pytest.raises(Fault) as caught:
        Postgres(CREDENTIALS).run('Updating role "x"', failing(trouble))

    assert caught.value.summary == 'Updating role "x": the admin may not do that'
    assert "db.internal:5432, database postgres, as admin" in caught.value.detail
    assert "hunter2" not in caught.value.text
