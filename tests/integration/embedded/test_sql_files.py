"""The SQL file as the administrator of a managed server runs it: psql, passwords in clear, no superuser."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from platform_api.embedded import binaries
from platform_api.embedded.binaries import postgres_find
from platform_api.embedded.folder import CHECKOUT
from platform_api.embedded.servers import ServerName, servers_running
from tests.integration.embedded.conftest import connect

PASSWORDS = {"SLIPWAY_OWNER_PASSWORD": "it's the owner", "SLIPWAY_APP_PASSWORD": 'the "app"'}


def run_file(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (str(postgres_find().psql), "--no-psqlrc", f"--dbname={url}", "--file=docs/database-users.sql"),
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=["wheel", "path"])
def managed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on which one may make roles and databases without being a superuser."""
    if request.param == "path":
        if shutil.which("postgres") is None:
            pytest.skip("no PostgreSQL on PATH")
        monkeypatch.setattr(binaries, "_wheel_folder", lambda _package: None)
    folder = Path(tempfile.mkdtemp(prefix="slipway-managed-"))
    try:
        with servers_running(folder, names=[ServerName.FLEET_POSTGRES]) as urls:
            with connect(urls["FLEET_DATABASE_SUPERUSER_URL"]) as connection:
                connection.execute("CREATE ROLE managed LOGIN CREATEDB CREATEROLE PASSWORD 'managed'")
                connection.execute("GRANT CONNECT ON DATABASE postgres TO managed")
            yield f"postgresql://managed:managed@127.0.0.1:{urlsplit(urls['FLEET_DATABASE_URL']).port}/postgres"
    finally:
        shutil.rmtree(folder)


def test_an_administrator_without_superuser_runs_the_file_twice_and_both_users_can_work(managed: str) -> None:
    for _ in range(2):
        answer = run_file(managed, **PASSWORDS)
        assert answer.returncode == 0, answer.stderr
        assert not any(password in answer.stdout + answer.stderr for password in PASSWORDS.values())
    place = f"host=127.0.0.1 port={urlsplit(managed).port} dbname=slipway"
    with psycopg.connect(place, user="slipway_owner", password=PASSWORDS["SLIPWAY_OWNER_PASSWORD"]) as owner:
        owner.execute("CREATE TABLE made (id int)")
        owner.execute("GRANT SELECT ON made TO slipway_app")
    with psycopg.connect(place, user="slipway_app", password=PASSWORDS["SLIPWAY_APP_PASSWORD"]) as app:
        assert app.execute("SELECT * FROM made").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DELETE FROM made")


def test_a_missing_password_is_named_before_anything_is_made(managed: str) -> None:
    answer = run_file(managed, SLIPWAY_OWNER_PASSWORD="x")
    assert answer.returncode == 3
    assert "Set SLIPWAY_APP_PASSWORD" in answer.stderr
    with connect(managed) as connection:
        assert connection.execute("SELECT FROM pg_roles WHERE rolname LIKE 'slipway%'").fetchall() == []


def test_a_user_with_too_many_rights_is_refused(managed: str) -> None:
    with connect(managed) as connection:
        connection.execute("CREATE ROLE slipway_app CREATEDB")
    answer = run_file(managed, **PASSWORDS)
    assert answer.returncode == 3
    assert "slipway_app has more rights than it may have" in answer.stderr
