from typing import Any

import pytest

from fleet_provider.credentials import Credentials, PostgresCredentials, ValkeyCredentials
from fleet_provider.faults import Fault

URL = "postgresql://admin:s%40cret@db.internal:5433/maintenance"
VALKEY_URL = "redis://admin:s%40cret@queues.internal:6380/0"


def read(**postgres: Any) -> PostgresCredentials:
    credentials = Credentials.read({"postgres": postgres}).postgres
    assert credentials is not None
    return credentials


def test_a_url_is_taken_apart_and_unquoted() -> None:
    it = read(url=f"{URL}?sslmode=verify-full&sslrootcert=/etc/ca.pem")

    assert (it.host, it.port, it.user, it.password) == ("db.internal", 5433, "admin", "s@cret")
    assert (it.database, it.sslmode, it.sslrootcert) == ("maintenance", "verify-full", "/etc/ca.pem")


def test_users_connect_where_the_admin_does_unless_told_otherwise() -> None:
    assert (read(url=URL).public_host, read(url=URL).public_port) == ("db.internal", 5433)
    moved = read(url=URL, public_host="db.example.com", public_port=6432)
    assert (moved.public_host, moved.public_port) == ("db.example.com", 6432)


def test_port_and_database_have_postgresqls_defaults() -> None:
    it = read(url="postgresql://admin:secret@db.internal")

    assert (it.port, it.database) == (5432, "postgres")


def test_a_run_may_have_no_server_at_all() -> None:
    assert Credentials.read({}) == Credentials(postgres=None, valkey=None)


def test_a_run_may_have_both_kinds_of_servers() -> None:
    read_ = Credentials.read({"postgres": {"url": URL}, "valkey": {"url": VALKEY_URL}})

    assert read_.postgres is not None
    it = read_.valkey
    assert it is not None
    assert (it.host, it.port, it.user, it.password) == ("queues.internal", 6380, "admin", "s@cret")
    assert (it.public_host, it.public_port) == ("queues.internal", 6380)


def test_a_valkey_has_its_own_default_port_and_may_be_reached_elsewhere() -> None:
    content = {"url": "redis://admin:secret@queues.internal", "public_host": "queues.example.com"}
    it = ValkeyCredentials.read(content)

    assert (it.port, it.public_host, it.public_port) == (6379, "queues.example.com", 6379)


@pytest.mark.parametrize(
    "content",
    [
        [],
        "hunter2",
        {"mysql": {}},
        {"postgres": "hunter2"},
        {"postgres": {}},
        {"postgres": {"url": 7}},
        {"postgres": {"url": "hunter2"}},
        {"postgres": {"url": "postgresql://db.internal/"}},
        {"postgres": {"url": "postgresql://admin@db.internal/"}},
        {"postgres": {"url": "mysql://admin:hunter2@db.internal/"}},
        {"postgres": {"url": "postgresql://admin:hunter2@db.internal:0/"}},
        {"postgres": {"url": "postgresql://admin:hunter2@db.internal:99999/"}},
        {"postgres": {"url": "postgresql://admin:hunter2@[db.internal/"}},
        {"postgres": {"url": f"{URL}?options=-csuperuser"}},
        {"postgres": {"url": f"{URL}?sslmode=hunter2"}},
        {"postgres": {"url": "postgresql://admin:x@y?hunter2@db.internal/"}},
        {"postgres": {"url": "postgresql://admin:x@y#hunter2@db.internal/"}},
        {"postgres": {"url": URL, "password": "hunter2"}},
        {"postgres": {"url": URL, "public_host": ""}},
        {"postgres": {"url": URL, "public_port": "6432"}},
        {"postgres": {"url": URL, "public_port": True}},
        {"valkey": "hunter2"},
        {"valkey": {"url": "redis://:hunter2@queues.internal/0"}},
        {"valkey": {"url": "redis://admin:hunter2@queues.internal/1"}},
        {"valkey": {"url": "redis://admin:hunter2@queues.internal/0?db=1"}},
        {"valkey": {"url": "valkey://admin:hunter2@queues.internal/0"}},
        {"valkey": {"url": "redis://admin:x@y#hunter2@queues.internal/0"}},
        {"valkey": {"url": "rediss://admin:hunter2@queues.internal/0"}},
        {"valkey": {"url": URL}},
        {"valkey": {"url": VALKEY_URL, "public_port": 70000}},
    ],
)
def test_what_is_of_no_use_is_refused_without_being_quoted(content: object) -> None:
    with pytest.raises(Fault) as caught:
        Credentials.read(content)

    assert caught.value.summary == "The fleet's credentials are of no use"
    assert "hunter2" not in caught.value.text
    assert "s%40cret" not in caught.value.text


def test_the_password_is_not_in_the_representation() -> None:
    assert "s@cret" not in repr(read(url=URL))
    assert "s@cret" not in repr(ValkeyCredentials.read({"url": VALKEY_URL}))
