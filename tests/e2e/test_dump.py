"""Whoever gets hold of a dump of the database can log in nowhere with it, and open nothing."""

import base64
import json
import re
import subprocess
import uuid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from platform_api.embedded.binaries import postgres_find
from platform_api.embedded.secret_files import password_make
from tests.e2e.client import Client, Json
from tests.e2e.evidence import Samples, search
from tests.e2e.live import LiveStack
from tests.e2e.test_secrets import credentials_opened

pytestmark = pytest.mark.live

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhLWpvYi1vZi1hLXBpcGVsaW5lIn0.c2lnbmVkLWJ5LW5vYm9keS1hdC1hbGw"


def log_in(url: str, username: str, password: str) -> str | None:
    """Log in to the admin site as a browser does, and return the session that this began."""
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as browser:
        page = browser.get("/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None, page.text
        form = {"username": username, "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        browser.post("/admin/login/", data=form, headers={"Referer": f"{url}/admin/login/"})
        is_let_in = browser.get("/admin/").status_code == 200
        return browser.cookies["sessionid"] if is_let_in else None


def dump(stack: LiveStack, folder: Path) -> bytes:
    """Dump the whole of Slipway's database, as its owner."""
    address = urlsplit(stack.url("DATABASE_OWNER_URL"))
    name, passfile = address.path.lstrip("/"), folder / "pgpass"
    passfile.touch(mode=0o600)
    passfile.write_text(f"*:*:*:*:{unquote(address.password or '')}\n")
    program = postgres_find().psql.with_name("pg_dump")
    where = ("--host", str(address.hostname), "--port", str(address.port), "--username", str(address.username), name)
    answer = subprocess.run((program, *where), env={"PGPASSFILE": str(passfile)}, capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout


def secrets_of(stack: LiveStack) -> dict[str, str | bytes]:
    """Return what the installation itself keeps secret."""
    urls = ("DATABASE_URL", "DATABASE_OWNER_URL", "FLEET_DATABASE_URL", "FLEET_VALKEY_URL", "REDIS_URL")
    found: dict[str, str | bytes] = {"SECRET_KEY": stack.url("SECRET_KEY")}
    for name in urls:
        password = urlsplit(stack.url(name)).password
        assert password, name
        found[f"password of {name}"] = unquote(password)
    for number, key in (part.split(":") for part in stack.url("SLIPWAY_SEALING_KEYS").split(",")):
        found[f"sealing key {number}"] = base64.b64decode(key)
    return found


def journey(stack: LiveStack, client: Client) -> tuple[Json, dict[str, str | bytes]]:
    """Order, reveal, rotate, log in here and there, also wrongly; returns the resource, and every secret there was."""
    admin = json.loads(stack.manage("bootstrap", "--json", "--username", "keeper"))
    url = str(stack.state.api_url)
    wrong_password, wrong_token = password_make(), f"slw_pat_{uuid.uuid4().hex}{uuid.uuid4().hex}"
    resource = client.provision("dumped")
    shown = client.reveal(resource)
    assert client.finish(client.rotate(resource))["status"] == "completed"
    for header in (wrong_token, JWT):
        refused = httpx.get(f"{url}/api/v1/projects", headers={"Authorization": f"Bearer {header}"}, trust_env=False)
        assert refused.status_code == 401
    assert log_in(url, admin["username"], wrong_password) is None
    session = log_in(url, admin["username"], admin["password"])
    assert session is not None
    found: dict[str, str | bytes] = {
        "token of the developer": client.http.headers["Authorization"].removeprefix("Bearer "),
        "token of the admin": admin["token"],
        "password of the admin": admin["password"],
        "password tried": wrong_password,
        "token tried": wrong_token,
        "JWT tried": JWT,
        "password revealed": shown["password"],
        "password kept sealed": str(credentials_opened(stack, resource)["password"]),
        "session of the admin": session,
    }
    return resource, found


def test_a_dump_of_the_database_opens_nothing(live_stack: LiveStack, tmp_path: Path) -> None:
    client = live_stack.clients["safe"]
    resource, secrets = journey(live_stack, client)
    secrets |= secrets_of(live_stack)

    dumped = dump(live_stack, tmp_path)

    samples: Samples = {"dump": {("dump", dumped)}}
    assert [name for name, secret in secrets.items() if search(samples, secret)] == []
    # A search that finds nothing proves nothing unless it finds what is there.
    for known in (resource["outputs"]["username"], "keeper", "safe-developer"):
        assert search(samples, known), known
    assert all(len(secret) >= 16 for secret in secrets.values())
    assert client.finish(client.deprovision(resource))["status"] == "completed"
