"""Logs that are followed on the real server: readers who drop see each line once, and keep nothing from others."""

import http.client
import json
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from platform_api.core.http.events import TYPE
from platform_api.core.ids import Prefix, show
from provisioning.models import LogLine
from provisioning.selectors.shapes import log_line_shape
from provisioning.services.execution.claims import RELEASED, Claim, LeaseLostError, LeaseTerms, run_claim, run_move
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from provisioning.services.execution.records import RunLog
from provisioning.states import RunStatus
from tests.events import Reading
from tests.integration.provisioning.house import House, claim
from tests.integration.provisioning.real_server import PATIENCE_SECONDS, SEATS, Server, serving, until
from tests.integration.provisioning.waiters import requested
from tests.policies import PolicyHelper

READERS, DROPS = 40, 20
FAILED = RunFailure(code="terraform_failed", kind="permanent", detail="The server said no.", remedy="Look at the log.")


@pytest.fixture
def server(house: House, shared_policy_helper: PolicyHelper, tmp_path: Path) -> Iterator[Server]:
    """The server of the house, with as many connections as it has unless somebody says otherwise."""
    with serving(house, shared_policy_helper, tmp_path, SLIPWAY_DATABASE_POOL_SIZE="16") as started:
        yield started


def path_of(claimed: Claim) -> str:
    return f"/api/v1/runs/{show(Prefix.RUN, claimed.run_id)}/log"


class Reader:
    """One who follows a log as a browser does: from the last whole event on, each time that a connection is gone."""

    def __init__(self, server: Server, path: str, *, token: str, number: int = 0) -> None:
        self._server, self._path, self._token = server, path, token
        self._random = random.Random(number)  # noqa: S311 - where readers drop, the same each time
        self.reading = Reading()
        self.statuses: list[int] = []

    def connect(self) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Call, and return the connection and the answer, of which nothing but the head was read."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=PATIENCE_SECONDS)
        headers = {"Accept": TYPE, "Authorization": f"Bearer {self._token}"}
        if self.reading.mark:
            headers["Last-Event-ID"] = self.reading.mark
        connection.request("GET", self._path, headers=headers)
        self.reading.begin()
        answer = connection.getresponse()
        self.statuses.append(answer.status)
        return connection, answer

    def drop(self) -> None:
        """Read on a little, perhaps into the midst of an event, and hang up without a word."""
        connection, answer = self.connect()
        left = self._random.randint(1, 600)
        while left > 0 and (chunk := answer.read1(min(left, self._random.choice((1, 7, 100, 1000))))):
            self.reading.feed(chunk)
            left -= len(chunk)
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
        answer.close()
        connection.close()

    def read_on(self) -> bool:
        """Read until the server closes; tell whether the end has come."""
        connection, answer = self.connect()
        while chunk := answer.read1():
            self.reading.feed(chunk)
        connection.close()
        return bool(self.reading.events) and self.reading.events[-1].name == "end"

    def read_to_the_end(self) -> None:
        """Come back as often as it takes, as the server says when."""
        while not self.read_on():
            time.sleep(self.reading.retry_seconds or 1)


class Writer:
    """Writes the log of a run as workers do that are replaced from time to time."""

    def __init__(self, claimed: Claim) -> None:
        self.claim, self.log, self.written = claimed, RunLog.resume(claimed), 0

    def write(self, lines: int) -> None:
        for _ in range(lines):
            self.written += 1
            self.log.write(f"line {self.written} of {self.claim.owner}", event={"kind": "progress", "n": self.written})
        self.log.flush()

    def hand_over(self) -> None:
        """Let another take the run; what the first says after that is said to nobody."""
        late = self.log
        run_move(self.claim, RunStatus.PENDING, **RELEASED)
        owner = f"worker {self.claim.epoch + 1}"
        taken = run_claim(owner=owner, pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=self.claim.run_id)
        assert taken is not None
        self.claim, self.log = taken, RunLog.resume(taken)
        late.write("late: nobody may ever see this")
        with pytest.raises(LeaseLostError):
            late.flush()


def stored(claimed: Claim) -> list[dict[str, Any]]:
    """Return the log as the list shows it."""
    rows = LogLine.objects.filter(run_id=claimed.run_id).order_by("sequence")
    lines: list[dict[str, Any]] = json.loads(msgspec.json.encode([log_line_shape(row) for row in rows]))
    return lines


@pytest.mark.timeout(300)  # 800 connections take their time where others want the machine, too
def test_forty_readers_who_drop_twenty_times_each_see_exactly_the_stored_log(house: House, server: Server) -> None:
    resource, _ = requested(house)
    writer = Writer(claim(resource))
    path, token = path_of(writer.claim), house.owner.secret
    readers = [Reader(server, path, token=token, number=number) for number in range(READERS)]
    dropped = threading.Semaphore(0)

    def follow(reader: Reader) -> None:
        for _ in range(DROPS):
            reader.drop()
            dropped.release()
        reader.read_to_the_end()

    with ThreadPoolExecutor(READERS) as threads:
        calls = [threads.submit(follow, reader) for reader in readers]
        seen = 0
        while seen < READERS * DROPS:  # so that every drop is one in the midst of it
            writer.write(4)
            if writer.written % 80 == 0:
                writer.hand_over()
            time.sleep(0.1)  # half of what a look takes: some find one batch, some find two
            while dropped.acquire(blocking=False):
                seen += 1
            assert not [call.exception() for call in calls if call.done()]
        writer.write(600)  # more than one portion
        run_failed(writer.claim, FAILED, has_applied=False)
        for call in calls:
            call.result(PATIENCE_SECONDS)
    log = stored(writer.claim)
    assert [line["sequence"] for line in log] == list(range(1, writer.written + 1))
    for reader in readers:
        assert [event.data for event in reader.reading.events[:-1]] == log
        assert [event.mark for event in reader.reading.events[:-1]] == [str(line["sequence"]) for line in log]
        assert reader.reading.events[-1].data == {"status": "errored", "lines": len(log)}
        assert len(reader.statuses) > DROPS
        assert set(reader.statuses) <= {200, 503}  # an overloaded machine may say so; a reader comes back all the same
    connection, answer = readers[0].connect()
    assert (answer.status, answer.read()) == (204, b"")
    connection.close()
    assert writer.claim.epoch > 2
    until(lambda: server.figure("slipway_waiters") == 0)


def test_who_reads_slowly_holds_no_connection_and_who_finds_no_seat_is_answered(house: House, server: Server) -> None:
    resource, _ = requested(house)
    writer = Writer(claim(resource))
    writer.write(3)
    path, token = path_of(writer.claim), house.owner.secret
    idle = [Reader(server, path, token=token).connect() for _ in range(SEATS)]  # nobody reads a byte of it
    until(lambda: server.figure("slipway_waiters") == SEATS)
    others = [Reader(server, path, token=token) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(Reader.read_on, others)) == [False] * 8
        writer.write(2)
        assert list(threads.map(Reader.read_on, others)) == [False] * 8
        for other in others:
            assert [event.mark for event in other.reading.events] == ["1", "2", "3", "4", "5"]
        many = [threads.submit(server.get, "/api/v1/resources", token=token) for _ in range(100)]
        assert {call.result(PATIENCE_SECONDS)[0] for call in many} == {200}
    assert server.figure("slipway_waiters") == SEATS
    assert server.figure('slipway_streams_total{outcome="full"}') == 16
    server.process.send_signal(signal.SIGTERM)
    for connection, answer in idle:
        assert answer.read().endswith(b"\n\n")  # closed at once, between two events
        connection.close()
    assert server.process.wait(PATIENCE_SECONDS) == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("outcome") == "time"]
    assert len({line["correlation_id"] for line in told}) == SEATS
    assert token not in server.log.read_text()
