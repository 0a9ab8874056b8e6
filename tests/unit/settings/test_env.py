import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from platform_api.settings import env

ROOT = Path(__file__).resolve().parents[3]


def test_a_missing_variable_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_X", raising=False)
    with pytest.raises(ImproperlyConfigured, match="SLIPWAY_X is not set"):
        env.text("SLIPWAY_X")


def test_a_secret_is_read_from_a_file_and_its_line_end_dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.delenv("SLIPWAY_X", raising=False)
    monkeypatch.setenv("SLIPWAY_X_FILE", str(tmp_path / "key"))
    assert env.secret("SLIPWAY_X") == "s3cret"
    assert env.is_given("SLIPWAY_X")


def test_a_secret_given_twice_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_X", "s3cret")
    monkeypatch.setenv("SLIPWAY_X_FILE", "/nowhere")
    with pytest.raises(ImproperlyConfigured, match="both set") as caught:
        env.secret("SLIPWAY_X")
    assert "s3cret" not in str(caught.value)


def test_a_secret_whose_file_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_X", raising=False)
    monkeypatch.setenv("SLIPWAY_X_FILE", "/nowhere/at/all")
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        env.secret("SLIPWAY_X")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("yes", True), ("OFF", False), ("false", False)])
def test_a_flag_reads_the_usual_words(monkeypatch: pytest.MonkeyPatch, value: str, *, expected: bool) -> None:
    monkeypatch.setenv("SLIPWAY_X", value)
    assert env.flag("SLIPWAY_X", default=not expected) is expected


@pytest.mark.parametrize("value", [" ", "maybe", "2"])
def test_a_flag_never_guesses(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SLIPWAY_X", value)
    with pytest.raises(ImproperlyConfigured, match="SLIPWAY_X must be one of"):
        env.flag("SLIPWAY_X", default=True)


@pytest.mark.parametrize("value", [" ", "four", "0", "9", "1.5"])
def test_a_number_must_be_whole_and_in_range(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SLIPWAY_X", value)
    with pytest.raises(ImproperlyConfigured, match="SLIPWAY_X must be"):
        env.integer("SLIPWAY_X", default=4, minimum=1, maximum=8)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("SLIPWAY_X", "")
    monkeypatch.setenv("SLIPWAY_X_FILE", "")
    assert env.text("SLIPWAY_X", default="red", choices=["red"]) == "red"
    assert env.flag("SLIPWAY_X", default=True)
    assert env.integer("SLIPWAY_X", default=4, minimum=1, maximum=8) == 4
    assert env.words("SLIPWAY_X", default=["red"]) == ["red"]
    assert env.secret("SLIPWAY_X", default="none") == "none"
    assert not env.is_given("SLIPWAY_X")
    for needed in (env.text, env.secret):
        with pytest.raises(ImproperlyConfigured, match="is not set"):
            needed("SLIPWAY_X")
    monkeypatch.setenv("SLIPWAY_X_FILE", str(tmp_path / "key"))
    assert env.secret("SLIPWAY_X") == "s3cret"


def test_a_word_outside_the_choices_is_refused_with_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_X", "green")
    with pytest.raises(ImproperlyConfigured, match="one of red, blue"):
        env.text("SLIPWAY_X", choices=["red", "blue"])


def test_the_example_file_names_every_variable_that_is_read() -> None:
    sources = [*ROOT.glob("platform_api/settings/**/*.py"), ROOT / "platform_api" / "wsgi.py"]
    read = {
        name
        for source in sources
        for name in re.findall(r'env\.(?:text|secret|flag|integer|words|is_given)\(\s*"([A-Z_]+)"', source.read_text())
    } | {"DATABASE_URL", "DATABASE_OWNER_URL"}
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", example, flags=re.MULTILINE))
    assert read <= named
