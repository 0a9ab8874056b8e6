"""The secrets of the container stack: what is made, who may read it, and what fits together."""

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from platform_api.embedded.containers.secrets import BUNDLES, HalfMadeError, secrets_make
from platform_api.embedded.folder import CHECKOUT

NAMES = sorted(name for bundle in BUNDLES for name in bundle.names)


def texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_everything_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert sorted(secrets_make(folder)) == NAMES
    first = texts(folder)
    assert secrets_make(folder) == []
    assert texts(folder) == first
    assert sorted(first) == NAMES


def test_no_two_installations_share_a_secret(tmp_path: Path) -> None:
    secrets_make(tmp_path / "a")
    secrets_make(tmp_path / "b")
    ours, theirs = texts(tmp_path / "a"), texts(tmp_path / "b")
    assert all(ours[name] != theirs[name] for name in NAMES)


def test_nobody_but_the_owner_gets_to_the_files_and_containers_can_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    secrets_make(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}


def test_what_an_upgrade_added_is_made_without_touching_the_rest(tmp_path: Path) -> None:
    secrets_make(tmp_path)
    before = texts(tmp_path)
    for name in ("redis_url", "redis_users"):
        (tmp_path / name).unlink()
    assert secrets_make(tmp_path) == ["redis_url", "redis_users"]
    kept = set(NAMES) - {"redis_url", "redis_users"}
    assert {name: text for name, text in texts(tmp_path).items() if name in kept} == {
        name: before[name] for name in kept
    }


def test_a_missing_companion_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    secrets_make(tmp_path)
    (tmp_path / "db_app_verifier").unlink()
    before = texts(tmp_path)
    with pytest.raises(HalfMadeError, match="there is database_url, and no db_app_verifier"):
        secrets_make(tmp_path)
    assert texts(tmp_path) == before


@pytest.mark.parametrize(
    ("url", "users", "user", "place"),
    [
        ("redis_url", "redis_users", "default", "redis:6379"),
        ("fleet_valkey_url", "fleet_valkey_users", "fleet_admin", "fleet-valkey:6379"),
    ],
)
def test_a_valkey_knows_the_password_of_its_address_by_hash_alone(
    tmp_path: Path, url: str, users: str, user: str, place: str
) -> None:
    secrets_make(tmp_path)
    address = urlsplit((tmp_path / url).read_text().strip())
    password = address.password or ""
    known = (tmp_path / users).read_text()
    assert (address.username, f"{address.hostname}:{address.port}") == (user, place)
    assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in known
    assert password not in known


def test_the_command_needs_no_package_and_shows_no_secret(tmp_path: Path) -> None:
    argv = (sys.executable, "-S", "-m", "platform_api.embedded.containers.secrets", str(tmp_path / "secrets"))
    answer = subprocess.run(argv, cwd=CHECKOUT, env={"PATH": os.defpath}, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert not any(text.strip() in answer.stdout for text in texts(tmp_path / "secrets").values())
