"""Hints to a broker that is not there or does not answer: they cost a socket timeout, and no run is lost."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.conf import settings

from platform_api.celery import app as slipway
from platform_api.core.ids import new_id
from platform_api.embedded.servers import ServerName, servers_running
from provisioning.hints import TASK, hints_send
from provisioning.models import Run

SLOTS = {"default": 3}
BOUND_SECONDS = 30
"""Far above the broker's socket timeout of 2 s, far below the 40 s and more that sends block for without it."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    with servers_running(tmp_path, names=[ServerName.BROKER]) as urls:
        yield urls["REDIS_URL"]


def spoken_to(url: str) -> Celery:
    """Make a Celery application with the service's own settings the current one, on another broker."""
    app = Celery("tests", set_as_current=True)
    app.config_from_object({**settings.CELERY, "broker_url": url})
    return app


@pytest.fixture(autouse=True)
def former_app() -> Iterator[None]:
    yield
    slipway.set_current()


def sent(number: int, url: str) -> int:
    """Send hints in a thread, and fail the test if that does not end."""
    answers: list[int | BaseException] = []

    def send() -> None:
        app = spoken_to(url)
        app.set_current()
        try:
            answers.append(hints_send((Run(pk=new_id()) for _ in range(number)), slots=SLOTS))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            answers.append(error)
        finally:
            app.close()

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    thread.join(BOUND_SECONDS)
    assert not thread.is_alive(), "the broker holds its caller"
    (answer,) = answers
    if isinstance(answer, BaseException):
        raise answer
    return answer


def test_hints_wait_in_the_queue_of_the_broker(broker: str) -> None:
    assert sent(3, broker) == 3
    with redis.Redis.from_url(broker) as client:
        waiting = client.lrange("runs", 0, -1)
    assert len(waiting) == 3
    assert all(TASK.encode() in message for message in waiting)


def test_a_broker_that_is_gone_takes_no_hint_and_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", pauses.append)  # between two tries to connect
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody can answer there
        assert sent(3, f"redis://127.0.0.1:{taken.getsockname()[1]}/0") == 0
    assert pauses == []


def test_a_broker_that_is_frozen_takes_no_hint_and_breaks_nothing(broker: str) -> None:
    with redis.Redis.from_url(broker) as client:
        pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        assert sent(3, broker) == 0
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_broker_that_freezes_between_two_hints_breaks_nothing_either(broker: str) -> None:
    with redis.Redis.from_url(broker) as client:
        pid = int(client.info("server")["process_id"])
    app = spoken_to(broker)
    assert hints_send([Run(pk=new_id())], slots=SLOTS) == 1
    os.kill(pid, signal.SIGSTOP)
    try:
        assert hints_send([Run(pk=new_id()), Run(pk=new_id())], slots=SLOTS) == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    assert hints_send([Run(pk=new_id())], slots=SLOTS) == 1  # and it is found again
    app.close()


def test_hints_that_nobody_follows_do_not_pile_up(broker: str) -> None:
    app = spoken_to(broker)
    again = [Run(pk=new_id()) for _ in range(2)]
    for run in again:
        run.is_hinted_again = True
    with redis.Redis.from_url(broker) as client:
        assert hints_send([Run(pk=new_id()) for _ in range(2)], slots=SLOTS) == 2
        for _ in range(3):
            assert hints_send(again, slots=SLOTS) == 2
        assert client.llen("runs") == SLOTS["default"]
        client.flushall()  # as a broker that forgot
        assert hints_send(again, slots=SLOTS) == 2
        assert client.llen("runs") == 2
    app.close()


def test_a_hint_waits_in_the_queue_of_its_pool(broker: str) -> None:
    app = spoken_to(broker)
    assert hints_send([Run(pk=new_id(), pool="team-a"), Run(pk=new_id())], slots={**SLOTS, "team-a": 1}) == 2
    with redis.Redis.from_url(broker) as client:
        assert (client.llen("runs.team-a"), client.llen("runs")) == (1, 1)
    app.close()


def test_a_worker_takes_from_the_queues_of_its_pools_and_from_no_other() -> None:
    answer = subprocess.run(
        (sys.executable, "-c", "from platform_api.celery import app; print(sorted(app.amqp.queues.consume_from))"),
        cwd=Path(__file__).parents[3],
        env={**os.environ, "SLIPWAY_WORKER_POOLS": "team-a,cloud"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "['runs.cloud', 'runs.team-a']"
