"""Health as machines ask it: what is there, what is not, and nothing else."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from platform_api import urls
from platform_api.core.http import health
from platform_api.core.http.health import Dependency
from tests.policies import PolicyHelper

NAMES = {"database", "broker", "policy_helper", "sealing_keys"}


@pytest.fixture(autouse=True)
def _all_there(db: None, policy_helper: PolicyHelper) -> None:
    """Tests take away what they are about."""


def ready() -> tuple[int, str, set[str]]:
    """Return the status, what it is called, and which dependencies do not answer."""
    answer = Client().get("/health/ready")
    body: dict[str, Any] = answer.json()
    assert set(body) == {"status", "dependencies"}
    assert set(body["dependencies"]) == NAMES
    assert set(body["dependencies"].values()) <= {"answers", "no answer"}
    missing = {name for name, word in body["dependencies"].items() if word != "answers"}
    return answer.status_code, body["status"], missing


@pytest.fixture
def frozen() -> Iterator[int]:
    """The port of a server that takes calls and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_with_all_there_it_is_ready_and_the_helper_had_nothing_to_complain_of(policy_helper: PolicyHelper) -> None:
    before = policy_helper.log.read_text()
    assert ready() == (200, "ready", set())
    assert policy_helper.log.read_text() == before


def test_without_the_database_it_is_not_ready(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    assert ready() == (503, "unavailable", {"database"})


def test_without_the_policy_helper_it_is_not_ready(settings: Settings, tmp_path: Path) -> None:
    settings.POLICY_SOCKET = tmp_path / "nobody.sock"
    assert ready() == (503, "unavailable", {"policy_helper"})


@pytest.mark.parametrize("keys", ["", "1:none", "no key at all"])
def test_without_sound_sealing_keys_it_is_not_ready(settings: Settings, keys: str) -> None:
    settings.SEALING_KEYS = keys
    assert ready() == (503, "unavailable", {"sealing_keys"})


def test_without_the_broker_it_still_takes_orders_and_says_what_is_missing(settings: Settings) -> None:
    settings.CELERY = {**settings.CELERY, "broker_url": "redis://127.0.0.1:1/0"}
    assert ready() == (200, "degraded", {"broker"})


def test_one_that_is_frozen_does_not_hold_the_answer_beyond_the_patience(
    settings: Settings, frozen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.2)
    settings.CELERY = {**settings.CELERY, "broker_url": f"redis://127.0.0.1:{frozen}/0"}
    assert ready()[2] == {"broker"}


def test_however_many_ask_one_check_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = [], threading.Event()

    def slow() -> None:
        begun.append("once")
        assert may_end.wait(30)

    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setitem(urls.DEPENDENCIES, "database", Dependency(check=slow))
    for _ in range(20):
        assert "database" in ready()[2]
    assert begun == ["once"]
    may_end.set()


def test_anybody_learns_names_alone_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ConnectionError("db.internal:5432 said no to slipway_app (PostgreSQL 18.4)")

    monkeypatch.setitem(urls.DEPENDENCIES, "database", Dependency(check=broken))
    with caplog.at_level(logging.WARNING):
        text = Client().get("/health/ready").content.decode()
    assert not {"internal", "5432", "slipway_app", "18"} & set(text.replace(":", " ").replace('"', " ").split())
    assert "db.internal:5432" in caplog.text


def test_whether_it_lives_needs_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    settings.SEALING_KEYS = ""
    answer = Client().get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


@pytest.mark.parametrize("page", ["/health/live", "/health/ready", "/metrics"])
def test_another_method_is_a_problem(settings: Settings, page: str) -> None:
    settings.METRICS_TOKEN = "what-prometheus-brings"
    answer = Client().post(page, headers={"Authorization": "Bearer what-prometheus-brings"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"
