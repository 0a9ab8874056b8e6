"""The small listener for metrics: whom it answers, and what it does not let itself be drawn into."""

import logging
import os
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from pytest_django import Settings

from platform_api.core import metrics_listener
from platform_api.core.metrics_listener import MOST_CALLS, _Listener, listener_start
from tests.waiting import wait_until

TOKEN = "what-prometheus-brings"


@pytest.fixture
def listener(settings: Settings) -> Iterator[_Listener]:
    settings.METRICS_TOKEN = TOKEN
    with _Listener("127.0.0.1", 0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(listener: _Listener, brought: bytes = f"Bearer {TOKEN}".encode()) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        url = f"http://127.0.0.1:{listener.server_address[1]}/metrics"
        return client.get(url, headers={b"Authorization": brought}, timeout=10)


def test_who_brings_the_token_gets_the_figures_in_the_text_form(listener: _Listener) -> None:
    answer = ask(listener)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "# TYPE slipway_waiters gauge" in answer.text
    assert ask(listener, b"Bearer \xff").status_code == 404


def test_callers_that_say_nothing_keep_nobody_out_for_longer_than_the_patience(
    listener: _Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_listener._Page, "timeout", 0.3)
    silent = [socket.create_connection(("127.0.0.1", listener.server_address[1])) for _ in range(MOST_CALLS)]
    with socket.create_connection(("127.0.0.1", listener.server_address[1])) as one_more:
        one_more.settimeout(10)
        assert one_more.recv(1) == b""  # hung up on

    def is_answered() -> bool:
        try:
            return ask(listener).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(is_answered)
    for call in silent:
        call.close()


def test_a_forked_child_does_not_keep_the_port(listener: _Listener) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0 if listener.socket.fileno() == -1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert ask(listener).status_code == 200


def test_without_a_port_nothing_listens_and_nothing_is_said(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert not listener_start(0)
    assert caplog.records == []


def test_with_a_port_and_no_token_nothing_listens_and_the_log_says_why(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_TOKEN = ""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with caplog.at_level(logging.WARNING):
        assert not listener_start(port)
    assert "SLIPWAY_METRICS_TOKEN is not set" in caplog.text
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_port_that_somebody_has_is_told_and_left(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.METRICS_TOKEN = TOKEN
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not listener_start(taken.getsockname()[1])
    assert "no metrics on 127.0.0.1" in caplog.text
