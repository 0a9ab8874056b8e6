from pathlib import Path

import pytest

from platform_api.embedded.environment import (
    application_environment,
    caller_environment,
    environment_read,
    environment_write,
    load_into,
    secret_read,
)
from platform_api.embedded.folder import StateFolder

URLS = {"DATABASE_URL": "postgresql://app", "DATABASE_OWNER_URL": "postgresql://owner"}


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "state")
    folder.make()
    return folder


def test_what_is_written_can_be_read_and_every_secret_is_a_file(folder: StateFolder) -> None:
    entries = environment_write(folder, urls=URLS, api_url="http://127.0.0.1:1", environ={})
    assert environment_read(folder) == entries
    assert Path(entries["DATABASE_URL_FILE"]).read_text() == "postgresql://app\n"
    assert entries["SLIPWAY_API_URL"] == "http://127.0.0.1:1"
    assert "REDIS_URL_FILE" not in entries


def test_keys_are_made_once(folder: StateFolder) -> None:
    files = [
        environment_write(folder, urls=URLS, api_url=None, environ={})[f"{name}_FILE"]
        for name in ("SECRET_KEY", "SLIPWAY_SEALING_KEYS")
    ]
    first = [Path(file).read_text() for file in files]
    environment_write(folder, urls=URLS, api_url=None, environ={})
    assert [Path(file).read_text() for file in files] == first
    assert first[1].startswith("1:")


def test_the_callers_settings_replace_those_of_the_stack(folder: StateFolder, tmp_path: Path) -> None:
    file = str(tmp_path / "key")
    entries = environment_write(
        folder,
        urls=URLS,
        api_url=None,
        environ={"DATABASE_URL": "postgresql://given", "SECRET_KEY_FILE": file},
    )
    assert Path(entries["DATABASE_URL_FILE"]).read_text() == "postgresql://given\n"
    assert entries["SECRET_KEY_FILE"] == file


def test_nothing_is_loaded_where_no_stack_was_started(folder: StateFolder) -> None:
    environ: dict[str, str] = {}
    load_into(environ, folder=folder)
    assert environ == {}


def test_a_secret_is_read_from_the_stacks_file_unless_the_caller_says_otherwise(
    folder: StateFolder, tmp_path: Path
) -> None:
    environment_write(folder, urls={"FLEET_VALKEY_URL": "redis://ours"}, api_url=None, environ={})
    theirs = tmp_path / "theirs"
    theirs.write_text("redis://theirs\n")
    elsewhere = {"DATABASE_URL": "postgresql://elsewhere"}
    told = {"FLEET_VALKEY_URL_FILE": str(theirs)}
    assert secret_read("FLEET_VALKEY_URL", {}, folder=folder) == "redis://ours"
    assert secret_read("FLEET_VALKEY_URL", told, folder=folder) == "redis://theirs"
    assert secret_read("FLEET_VALKEY_URL", elsewhere | told, folder=folder) == "redis://theirs"
    assert secret_read("FLEET_VALKEY_URL", elsewhere, folder=folder) is None


def test_the_folder_is_found_by_its_variable(folder: StateFolder) -> None:
    environment_write(folder, urls=URLS, api_url=None, environ={})
    environ = {"SLIPWAY_STATE_DIR": str(folder.path)}
    load_into(environ)
    assert environ["DATABASE_URL_FILE"] == str(folder.secrets / "database_url")


def test_only_allowed_names_of_the_caller_are_passed_on() -> None:
    allowed = {
        *("PATH", "HOME", "TZ", "LANG", "LC_ALL", "SSL_CERT_FILE", "TERRAFORM_BIN", "DJANGO_SETTINGS_MODULE"),
        *("SLIPWAY_X", "REDIS_URL", "REDIS_URL_FILE", "SECRET_KEY"),
    }
    foreign = {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "LD_PRELOAD", "PGPASSWORD"}
    assert set(caller_environment(dict.fromkeys(allowed | foreign, "x"))) == allowed


def test_a_part_gets_a_secret_as_a_file_only_and_the_stacks_own_mark(folder: StateFolder) -> None:
    environ = {"PATH": "/bin", "DATABASE_URL": "secret", "SLIPWAY_STACK": "another", "SENTRY_URL": "kept"}
    entries = {"DATABASE_URL_FILE": "/file"}
    assert application_environment(environ, entries=entries, folder=folder, stack="this", is_owner=False) == {
        "PATH": "/bin",
        "SENTRY_URL": "kept",
        "DATABASE_URL_FILE": "/file",
        "SLIPWAY_STATE_DIR": str(folder.path),
        "SLIPWAY_STACK": "this",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "platform_api.settings.development",
    }


@pytest.mark.parametrize("is_owner", [True, False])
def test_only_preparations_may_act_as_the_owner_of_the_tables(folder: StateFolder, *, is_owner: bool) -> None:
    environ = {"DATABASE_OWNER_URL": "secret"}
    entries = {"DATABASE_OWNER_URL_FILE": "/owner", "DATABASE_URL_FILE": "/app"}
    told = application_environment(environ, entries=entries, folder=folder, stack="this", is_owner=is_owner)
    assert ("DATABASE_OWNER_URL_FILE" in told) is is_owner
    assert "DATABASE_OWNER_URL" not in told
    assert told["DATABASE_URL_FILE"] == "/app"
