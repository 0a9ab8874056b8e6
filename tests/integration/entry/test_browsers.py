"""What every answer tells a browser, and what production settings add."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client
from django.utils.module_loading import import_string

from platform_api.core.http.security import CONTENT_SECURITY_POLICY
from tests.integration.admin.site import browser
from tests.people import People

ROOT = Path(__file__).resolve().parents[3]

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "platform_api.settings.production",
    "SECRET_KEY": "".join(chr(33 + number) for number in range(80) if chr(33 + number) not in "%'\""),
    "SLIPWAY_ALLOWED_HOSTS": "slipway.example.com",
}


def production(*argv: str, code: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command, or code, under production settings."""
    command = [sys.executable, "-c", code] if code else [sys.executable, "manage.py", *argv]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **PRODUCTION, **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


ANSWER = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
# Nobody has collected the static files of a checkout.
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
client = Client(SERVER_NAME="slipway.example.com")
def told(answer):
    return {"status": answer.status_code, "headers": dict(answer.headers), "cookies": {
        name: {key: bool(value) if key in {"secure", "httponly"} else value for key, value in morsel.items()}
        for name, morsel in answer.cookies.items()}}
cross = {"Origin": "https://portal.example.com"}
ask = {**cross, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
print(json.dumps({
    "plain": told(client.get("/admin/login/")),
    "safe": told(client.get("/admin/login/", secure=True)),
    "cross": told(client.get("/health/live", secure=True, headers=cross)),
    "preflight": told(client.options("/api/v1/projects", secure=True, headers=ask)),
}))
"""


def answers(**environ: str) -> dict[str, dict[str, Any]]:
    """Return what pages answer under production settings, without a database."""
    done = production(code=ANSWER, **environ)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "extra", [{}, {"SLIPWAY_CORS_ORIGINS": "https://portal.example.com"}, {"SLIPWAY_CORS_ORIGINS": "*"}]
)
def test_djangos_checks_for_production_find_nothing(extra: dict[str, str]) -> None:
    done = production("check", "--deploy", "--fail-level", "WARNING", **extra)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_production_tells_browsers_to_stay_with_tls_and_keeps_cookies_to_this_host() -> None:
    told = answers()
    assert (told["plain"]["status"], told["plain"]["headers"]["Location"]) == (
        301,
        "https://slipway.example.com/admin/login/",
    )
    safe = told["safe"]
    assert safe["headers"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    (name,) = safe["cookies"]
    assert name == "__Host-csrftoken"
    cookie = safe["cookies"][name]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True,
        True,
        "Lax",
        "/",
        "",
    )


def test_other_origins_learn_nothing_unless_they_are_named() -> None:
    told = answers()
    for name in ("cross", "preflight"):
        assert not [header for header in told[name]["headers"] if header.startswith("access-control")]


@pytest.mark.parametrize(
    ("origins", "allowed"), [("https://portal.example.com", "https://portal.example.com"), ("*", "*")]
)
def test_named_origins_may_call_the_api_with_a_token_and_never_with_cookies(origins: str, allowed: str) -> None:
    told = answers(SLIPWAY_CORS_ORIGINS=origins)
    headers = {name.lower(): value for name, value in told["preflight"]["headers"].items()}
    assert headers["access-control-allow-origin"] == allowed
    assert "authorization" in headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in headers
    assert "access-control-allow-origin" not in {name.lower() for name in told["cross"]["headers"]}


@pytest.mark.parametrize(
    "origins", ["portal.example.com", "https://portal.example.com/", "https://a.example.com,*", "null"]
)
def test_what_is_no_origin_stops_the_start(origins: str) -> None:
    done = production("check", SLIPWAY_CORS_ORIGINS=origins)
    assert done.returncode != 0
    assert "SLIPWAY_CORS_ORIGINS holds" in done.stderr


def test_the_one_check_that_is_silenced_is_met_by_a_middleware_of_our_own() -> None:
    assert settings.SILENCED_SYSTEM_CHECKS == ["security.W003"]
    middleware = [import_string(name) for name in settings.MIDDLEWARE]
    assert [each for each in middleware if isinstance(each, type) and issubclass(each, CsrfViewMiddleware)]


@pytest.mark.parametrize("issuer", ["login.example.com", "http://login.example.com", "https://"])
def test_what_is_no_issuer_stops_the_start(issuer: str) -> None:
    done = production("check", SLIPWAY_OIDC_ISSUER=issuer)
    assert done.returncode != 0
    assert "SLIPWAY_OIDC_ISSUER must be an https address" in done.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/login/", "/docs/", "/docs/openapi.yaml", "/api/v1/projects", "/nowhere"]
)
def test_every_answer_brings_the_headers(people: People, address: str) -> None:
    client = Client() if address.endswith("login/") else browser(people.auditor.user)
    headers = client.get(address).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == policy["connect-src"] == "'self'"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/docs/"])
def test_only_the_docs_may_show_pictures_that_a_style_sheet_carries(people: People, address: str) -> None:
    policy = browser(people.auditor.user).get(address).headers["Content-Security-Policy"]
    assert ("data:" in policy) == (address == "/docs/")
    assert not re.search("unsafe|http:|\\*", policy)
    assert (policy == CONTENT_SECURITY_POLICY) == (address != "/docs/")
