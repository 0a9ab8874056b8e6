"""The users of a Valkey in a container, as a real server takes them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from platform_api.embedded.binaries import valkey_find
from platform_api.embedded.containers.secrets import secrets_make
from platform_api.embedded.ports import DEFAULT_RANGE, HOST, port_pick
from platform_api.embedded.ready import valkey_answers
from tests.waiting import wait_until


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[str]:
    """A server with the fleet's first list of users; its address without user and password."""
    secrets_make(tmp_path)
    users = tmp_path / "users.acl"
    users.write_text((tmp_path / "fleet_valkey_users").read_text())
    place = f"{HOST}:{port_pick(DEFAULT_RANGE)}"
    argv = (
        *(str(valkey_find().path), "--dir", str(tmp_path), "--aclfile", str(users)),
        *("--bind", HOST, "--port", place.rpartition(":")[2], "--appendonly", "yes", "--save", ""),
    )
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as server:
        wait_until(lambda: valkey_answers(f"redis://health:any@{place}/0"))
        yield place
        server.terminate()


def test_the_administrator_logs_in_and_may_add_users_that_stay(valkey: str, tmp_path: Path) -> None:
    password = urlsplit((tmp_path / "fleet_valkey_url").read_text().strip()).password
    with redis.Redis.from_url(f"redis://fleet_admin:{password}@{valkey}/0") as admin:
        admin.acl_setuser("queue_a", enabled=True, passwords=["+s3cret"], keys=["queue_a:*"], commands=["+get"])
        admin.acl_save()
    assert "user queue_a on" in (tmp_path / "users.acl").read_text()


def test_the_user_of_the_health_check_may_ping_and_nothing_else(valkey: str) -> None:
    with redis.Redis.from_url(f"redis://health:any@{valkey}/0") as health:
        assert health.ping()
        for forbidden in (lambda: health.get("key"), health.info, health.acl_list, lambda: health.publish("c", "m")):
            with pytest.raises(redis.exceptions.NoPermissionError):
                forbidden()


def test_nobody_else_is_let_in(valkey: str) -> None:
    with redis.Redis.from_url(f"redis://{valkey}/0") as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
