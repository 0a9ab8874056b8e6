"""Whose keys are fetched: over TLS, or from this machine; in production over TLS alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from platform_api.settings.components.identity import sign_on

CLIENT = {"SLIPWAY_OIDC_CLIENT_ID": "slipway", "SLIPWAY_OIDC_CLIENT_SECRET": "unused"}
HERE, ELSEWHERE = "http://127.0.0.1:8080", "https://login.example.com/realms/company"


@pytest.mark.parametrize("issuer", [HERE, ELSEWHERE])
def test_a_sign_on_is_elsewhere_with_tls_or_on_this_machine(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    for name, value in {**CLIENT, "SLIPWAY_OIDC_ISSUER": issuer}.items():
        monkeypatch.setenv(name, value)
    found = sign_on()
    assert found is not None
    assert found.issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "login.example.com",
        "http://login.example.com",
        "ftp://localhost",
        "https://",
        "https://[::1",
        "https://user@login.example.com",
        "https://login.example.com?realm=company",
        "https://login.example.com#company",
    ],
)
def test_a_sign_on_that_is_not_sound_stops_the_start(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    monkeypatch.setenv("SLIPWAY_OIDC_ISSUER", issuer)
    with pytest.raises(ImproperlyConfigured, match="SLIPWAY_OIDC_ISSUER must be"):
        sign_on()


@pytest.mark.parametrize(("issuer", "starts"), [(ELSEWHERE, True), (HERE, False)])
@pytest.mark.parametrize(
    ("name", "value"), [("SLIPWAY_CI_ISSUERS", "gitlab {} slipway"), ("SLIPWAY_OIDC_ISSUER", "{}")]
)
def test_production_trusts_nobody_without_tls(name: str, value: str, issuer: str, *, starts: bool) -> None:
    environ = {
        **CLIENT,
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "x" * 64,
        "SLIPWAY_SEALING_KEYS": "1:" + "A" * 43 + "=",
        name: value.format(issuer),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import platform_api.settings.production"],
        env=environ,
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is starts
    assert (f"{name} names an issuer without TLS" in done.stderr) is not starts
