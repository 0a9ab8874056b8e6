"""Waiting on the real server: threads and connections are few, and those who wait take neither from the others."""

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from platform_api.embedded.parts import API, PLAN
from tests.integration.provisioning.house import House, carry_out
from tests.integration.provisioning.real_server import PATIENCE_SECONDS, ROOT, SEATS, Server, serving, until
from tests.integration.provisioning.waiters import requested
from tests.policies import PolicyHelper


@pytest.fixture
def server(house: House, shared_policy_helper: PolicyHelper, tmp_path: Path) -> Iterator[Server]:
    """The server of the house."""
    with serving(house, shared_policy_helper, tmp_path) as started:
        yield started


def test_forty_who_wait_stop_nobody_and_are_all_answered(house: House, server: Server) -> None:
    resource, path = requested(house)
    token = house.owner.secret
    with ThreadPoolExecutor(40) as threads:
        calls = [threads.submit(server.get, f"{path}?wait=60", token=token) for _ in range(40)]
        until(lambda: server.figure("slipway_waiters") == SEATS)
        until(lambda: sum(call.done() for call in calls) == 40 - SEATS)
        turned_away = [call.result() for call in calls if call.done()]
        assert {(status, headers["retry-after"]) for status, headers, _ in turned_away} == {(200, "1")}

        with ThreadPoolExecutor(16) as others:  # eight times as many as there are connections
            seen = list(others.map(lambda _: server.get("/api/v1/resources", token=token)[0], range(200)))
        assert seen == [200] * 200
        assert server.figure("slipway_waiters") == SEATS  # they waited all the while

        carry_out(resource)
        finals = [call.result(PATIENCE_SECONDS) for call in calls]
    bodies = [json.loads(body)["status"] for _, _, body in finals]
    assert (bodies.count("completed"), bodies.count("fulfilling")) == (SEATS, 40 - SEATS)
    assert server.figure('slipway_waits_total{outcome="final"}') == SEATS
    assert server.figure('slipway_waits_total{outcome="full"}') == 40 - SEATS
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("route") == "/api/v1/requests/<str:request_id>"]
    assert len(told) == 40
    assert len({line["correlation_id"] for line in told}) == len({line["trace_id"] for line in told}) == 40
    assert token not in server.log.read_text()


def test_who_waits_is_answered_when_the_server_is_asked_to_end(house: House, server: Server) -> None:
    _, path = requested(house)
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(server.get, f"{path}?wait=60", token=house.owner.secret) for _ in range(4)]
        until(lambda: server.figure("slipway_waiters") == 4)
        server.process.send_signal(signal.SIGTERM)
        # Less than they would have waited for: they were sent away.
        assert {(call.result(PATIENCE_SECONDS)[0], call.result()[1]["retry-after"]) for call in calls} == {(200, "1")}
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_the_stack_starts_as_many_threads_as_the_settings_count_with() -> None:
    from django.conf import settings

    (api,) = (part for part in PLAN.parts if part.name == API)
    argv: tuple[Any, ...] = api.argv
    assert argv[argv.index("--blocking-threads") + 1] == str(settings.API_THREADS)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f'"--blocking-threads", "{settings.API_THREADS}"' in dockerfile
