import pytest
from django.core.exceptions import ImproperlyConfigured

from platform_api.settings.components.ci import TrustedIssuer, trusted_issuers

GITHUB = "https://token.actions.githubusercontent.com"


def test_issuers_are_kind_address_and_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_CI_ISSUERS", f"github {GITHUB} slipway, gitlab http://127.0.0.1:8080 here")
    assert trusted_issuers() == {
        GITHUB: TrustedIssuer(url=GITHUB, kind="github", audience="slipway"),
        "http://127.0.0.1:8080": TrustedIssuer(url="http://127.0.0.1:8080", kind="gitlab", audience="here"),
    }


def test_nobody_is_trusted_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_CI_ISSUERS", raising=False)
    assert trusted_issuers() == {}


@pytest.mark.parametrize(
    "value",
    [
        GITHUB,
        f"github {GITHUB}",
        f"jenkins {GITHUB} slipway",
        "github http://gitlab.example.com slipway",
        "github ftp://localhost slipway",
        "github https:// slipway",
        "github https://user@example.com slipway",
        "github https://example.com?x=1 slipway",
        f"github {GITHUB} slipway more",
    ],
)
def test_an_entry_that_is_not_sound_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SLIPWAY_CI_ISSUERS", value)
    with pytest.raises(ImproperlyConfigured, match="SLIPWAY_CI_ISSUERS"):
        trusted_issuers()
