"""The log of a run as a stream: whole, in order, resumable, and for nobody but who may see the run.

The slow look is switched off in all of these tests: what a reader sees it was woken for.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from pytest_django import Settings
from rest_framework.test import APIClient

from platform_api.core import watching
from platform_api.core.http.events import HINT, TYPE
from platform_api.core.ids import Prefix, show
from platform_api.core.metrics import STREAMS
from platform_api.core.waiting import room
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.services.teams import role_revoke
from platform_api.tenancy.services.tokens import token_revoke
from platform_api.terraform.events import event_read
from platform_api.terraform.redaction import Redactor
from provisioning.models import LogLine
from provisioning.selectors import logs as reading_logs
from provisioning.services.execution.claims import RELEASED, Claim, LeaseLostError, LeaseTerms, run_claim, run_move
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.narrating import Narration
from provisioning.services.execution.outcomes import run_failed
from provisioning.services.execution.records import RunLog
from provisioning.states import RunStatus
from tests.events import Event, Reading, read
from tests.integration.provisioning.house import House, body_of, claim
from tests.integration.provisioning.problems import refused, without_id
from tests.integration.provisioning.waiters import Callers, got, requested, until
from tests.people import TESTS, Person

pytestmark = pytest.mark.usefixtures("unaided")

FAILED = RunFailure(code="terraform_failed", kind="permanent", detail="The server said no.", remedy="Look at the log.")
NO_IDS = ["-1", "1.5", "x", "end2", "1e3", "12345678901", "0x1", "END", "1,2", "1 2"]


@dataclass
class Told:
    """A run that a worker holds, with its log."""

    claim: Claim
    log: RunLog

    @property
    def path(self) -> str:
        return f"/api/v1/runs/{show(Prefix.RUN, self.claim.run_id)}/log"

    def say(self, *lines: str) -> None:
        """Write lines as a worker does."""
        for line in lines:
            self.log.write(line)
        self.log.flush()

    def fail(self) -> None:
        """End the run."""
        run_failed(self.claim, FAILED, has_applied=False)


@pytest.fixture
def told(house: House) -> Told:
    """A run that was claimed and has said nothing yet."""
    resource, _ = requested(house)
    claimed = claim(resource)
    return Told(claimed, RunLog.resume(claimed))


def asked(by: Person, path: str, *, last: str | None = None, query: str = "", accept: str = TYPE) -> Any:
    headers = {"Accept": accept, **({} if last is None else {"Last-Event-ID": last})}
    return by.client.get(f"{path}{query}", headers=headers)


@dataclass
class Reader:
    """One who follows a stream in a thread of their own."""

    reading: Reading = field(default_factory=Reading)
    connected: list[bool] = field(default_factory=list)

    def follow(self, callers: Callers, call: Callable[[], Any]) -> Future[Any]:
        """Read until the stream closes."""

        def through() -> int:
            answer = call()
            try:
                for chunk in answer:
                    self.connected.append(_has_connection())
                    self.reading.feed(chunk)
            finally:
                answer.close()
            return int(answer.status_code)

        return callers.call(through)

    @property
    def lines(self) -> list[str]:
        return [event.data["line"] for event in self.reading.events if event.name == "line"]


def _has_connection() -> bool:
    from django.db import connection

    return connection.connection is not None


def ended(outcome: str) -> float:
    return float(STREAMS.labels(outcome)._value.get())


def stored(told: Told) -> list[tuple[int, str]]:
    return list(LogLine.objects.filter(run_id=told.claim.run_id).order_by("sequence").values_list("sequence", "line"))


def of(reading: Reading) -> list[tuple[int, str]]:
    return [(each.data["sequence"], each.data["line"]) for each in reading.events if each.name == "line"]


def test_json_stays_what_is_answered_unless_events_alone_are_accepted(house: House, told: Told) -> None:
    told.say("one")
    for accept in ("*/*", "application/json", f"application/json, {TYPE}", f"{TYPE}, */*;q=0.1, application/json"):
        answer = asked(house.owner, told.path, accept=accept)
        assert (answer.headers["Content-Type"], answer.headers["Vary"]) == ("application/json", "Accept")
        assert [line["line"] for line in body_of(answer)["lines"]] == ["one"]
    refused(partial(asked, house.owner, told.path, accept="text/html"), 406, "not_acceptable")


def test_a_run_that_is_over_is_told_in_one_piece_and_closed_with_its_status(house: House, told: Told) -> None:
    told.say("one", "two")
    told.fail()
    answer = asked(house.owner, told.path)
    assert (answer.status_code, answer.streaming, answer.headers["Content-Type"]) == (200, False, TYPE)
    assert answer.headers["Cache-Control"] == "no-store, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "ETag" not in answer.headers
    reading = read(answer.content)
    listed = body_of(asked(house.owner, told.path, accept="application/json"))["lines"]
    lines, end = reading.events[:-1], reading.events[-1]
    assert [event.data for event in lines] == listed
    assert [(event.name, event.mark) for event in lines] == [("line", "1"), ("line", "2")]
    assert end == Event("end", "end", {"status": "errored", "lines": 2})
    assert room.taken == 0


def test_a_reader_who_has_everything_is_told_the_end_and_who_has_that_comes_back_no_more(
    house: House, told: Told
) -> None:
    told.say("one", "two")
    told.fail()
    for last in ("2", "3", "999999999"):
        assert [event.name for event in read(asked(house.owner, told.path, last=last).content).events] == ["end"]
    answer = asked(house.owner, told.path, last="end")
    assert (answer.status_code, answer.content, "Content-Type" in answer.headers) == (204, b"", False)


def test_a_stream_goes_on_after_the_line_that_is_named(house: House, told: Told) -> None:
    told.say("one", "two", "three")
    told.fail()
    for query, last, expected in (
        ("?after=1", None, ["two", "three"]),
        ("", "1", ["two", "three"]),
        ("?after=0", "2", ["three"]),
        ("?after=2", "0", ["one", "two", "three"]),
        ("", "", ["one", "two", "three"]),
    ):
        events = read(asked(house.owner, told.path, query=query, last=last).content).events
        assert [event.data["line"] for event in events[:-1]] == expected


@pytest.mark.parametrize("accept", [TYPE, "application/json"])
def test_an_id_that_is_none_is_refused(house: House, told: Told, accept: str) -> None:
    for last in NO_IDS:
        refused(partial(asked, house.owner, told.path, last=last, accept=accept), 400, "invalid_last_event_id")
    refused(partial(asked, house.owner, told.path, query="?after=x", accept=accept), 400, "invalid_filter")
    assert room.taken == 0


def test_the_end_of_a_run_that_goes_on_is_no_id(house: House, told: Told) -> None:
    refused(partial(asked, house.owner, told.path, last="end"), 400, "invalid_last_event_id")


def test_a_strangers_run_is_answered_as_one_that_is_not_there(house: House, told: Told) -> None:
    missing = told.path.replace("run_0", "run_1")
    refused(partial(asked, house.people.stranger, told.path), 404, "not_found")
    answers = [asked(house.people.stranger, told.path), asked(house.owner, missing)]
    assert without_id(answers[0]) == without_id(answers[1])
    nobody = APIClient().get(told.path, headers={"Accept": TYPE})
    assert (nobody.status_code, nobody.headers["Content-Type"]) == (401, "application/problem+json")
    assert room.taken == 0


def test_lines_come_while_they_are_written_without_a_connection_being_held(
    house: House, told: Told, callers: Callers
) -> None:
    told.say("one")
    readers = [Reader() for _ in range(8)]
    calls = [reader.follow(callers, partial(asked, house.owner, told.path)) for reader in readers]
    for number, line in enumerate(("two", "three"), start=2):
        until(lambda number=number: all(len(reader.lines) == number - 1 for reader in readers))  # type: ignore[misc]
        told.say(line)
    until(lambda: all(reader.lines == ["one", "two", "three"] for reader in readers))
    assert room.taken == 8
    told.fail()
    assert [got(call) for call in calls] == [200] * 8
    for reader in readers:
        assert of(reader.reading) == stored(told)
        assert reader.reading.events[-1].data == {"status": "errored", "lines": 3}
        assert not any(reader.connected)
    assert room.taken == 0


def test_a_log_of_many_portions_is_sent_whole_and_once(house: House, told: Told, callers: Callers) -> None:
    told.say(*map(str, range(1, 2 * reading_logs.LOG_LINES + 1)))  # ends with a portion that is full
    reader = Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: len(reader.lines) == 2 * reading_logs.LOG_LINES)
    told.fail()
    got(call)
    assert of(reader.reading) == stored(told)
    after = Reader()
    got(after.follow(callers, partial(asked, house.owner, told.path, last="3")))
    assert of(after.reading) == stored(told)[3:]
    assert [event.name for event in after.reading.events].count("end") == 1


def test_readers_see_one_log_though_its_worker_is_another_in_the_midst(
    house: House, told: Told, callers: Callers
) -> None:
    told.say("one", "two")
    reader = Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: len(reader.lines) == 2)
    run_move(told.claim, RunStatus.PENDING, **RELEASED)
    second = run_claim(
        owner="another", pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=told.claim.run_id
    )
    assert second is not None
    with pytest.raises(LeaseLostError):
        told.say("late: nobody may ever see this")
    followed = Told(second, RunLog.resume(second))
    followed.say("three")
    until(lambda: len(reader.lines) == 3)
    come_back = Reader()
    again = come_back.follow(callers, partial(asked, house.owner, told.path, last="2"))
    followed.say("four")
    followed.fail()
    got(call)
    got(again)
    assert of(reader.reading) == stored(told) == [(1, "one"), (2, "two"), (3, "three"), (4, "four")]
    assert of(come_back.reading) == stored(told)[2:]


def test_no_secret_is_streamed_for_none_is_stored(house: House, told: Told, callers: Callers) -> None:
    secret = "pw-8c1f'\"\\ü-4d"
    story, redactor = Narration(told.log), Redactor([secret])
    line = {"@level": "info", "@message": f"password is {secret}", "type": "log", "@timestamp": "2026-11-21T08:00:00Z"}
    content = bytearray()

    def follow() -> None:
        for chunk in asked(house.owner, told.path):
            content.extend(chunk)

    call = callers.call(follow)
    until(lambda: room.taken == 1)
    story.hear(event_read(json.dumps(line), redactor))
    story.hear(event_read(f"plain {secret}", redactor))
    story.flush()
    told.fail()
    got(call)
    assert [text for _, text in stored(told)] == ["password is [redacted]", "plain [redacted]"]
    assert of(read(bytes(content))) == stored(told)
    assert not any(form in bytes(content).decode() for form in (secret, json.dumps(secret)[1:-1], "8c1f"))


def test_a_reader_whose_token_is_revoked_sees_nothing_more(house: House, told: Told, callers: Callers) -> None:
    told.say("one")
    before, reader = ended("refused"), Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: reader.reading.comments >= 1)
    token_revoke(token=ApiToken.objects.get(user=house.owner.user), caller=TESTS)
    told.say("two")
    got(call)
    assert ([event.data["line"] for event in reader.reading.events], ended("refused") - before) == (["one"], 1)
    assert room.taken == 0
    assert body_of(asked(house.owner, told.path, last="1"))["code"] == "token_invalid"


def test_a_reader_whom_nothing_wakes_is_sent_away_soon_after_the_token_is_revoked(
    house: House, told: Told, callers: Callers
) -> None:
    reader = Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: reader.reading.comments >= 1)
    began = time.monotonic()
    token_revoke(token=ApiToken.objects.get(user=house.owner.user), caller=TESTS)
    got(call)
    assert time.monotonic() - began < 5  # a second, and room for a slow machine; otherwise it were a minute


def test_a_reader_who_loses_the_role_sees_nothing_more(house: House, told: Told, callers: Callers) -> None:
    told.say("one")
    reader = Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: reader.reading.comments >= 1)
    role_revoke(user=house.owner.user, role=Role.DEVELOPER, on=house.people.checkout, caller=TESTS)
    told.say("two")
    got(call)
    assert [event.data["line"] for event in reader.reading.events] == ["one"]
    assert body_of(asked(house.owner, told.path, last="1"))["code"] == "not_found"


def test_who_finds_the_room_full_gets_what_there_is_and_a_hint(house: House, told: Told, settings: Settings) -> None:
    settings.API_THREADS = 0
    told.say("one")
    before = ended("full")
    answer = asked(house.owner, told.path)
    assert (answer.status_code, answer.streaming) == (200, False)
    reading = read(answer.content)
    assert [(event.name, event.mark) for event in reading.events] == [("line", "1")]
    assert reading.retry_seconds == 1
    told.say("two")
    assert of(read(asked(house.owner, told.path, last=reading.mark).content)) == [(2, "two")]
    assert asked(house.owner, told.path, last="2").content == HINT
    assert ended("full") - before == 3


def test_a_stream_closes_after_its_time_and_goes_on_where_it_was(
    house: House, told: Told, callers: Callers, settings: Settings
) -> None:
    assert django_settings.STREAM_SECONDS == 60
    settings.STREAM_SECONDS = 0
    told.say("one")
    before, reader = ended("time"), Reader()
    got(reader.follow(callers, partial(asked, house.owner, told.path)))
    told.say("two")
    got(reader.follow(callers, partial(asked, house.owner, told.path, last=reader.reading.mark)))
    assert (reader.lines, ended("time") - before) == (["one", "two"], 2)


def test_a_process_that_is_to_end_sends_its_readers_away(
    house: House, told: Told, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "is_emptied", False)  # taken back with the test
    reader = Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: reader.reading.comments >= 1)
    room.empty()
    assert got(call) == 200
    assert not asked(house.owner, told.path).streaming  # and lets nobody in any more


def test_a_seat_is_given_back_by_readers_who_leave_and_by_those_who_never_read(house: House, told: Told) -> None:
    told.say("one")
    before = ended("left")
    left, unread = asked(house.owner, told.path), asked(house.owner, told.path)
    assert room.taken == 2
    assert next(iter(left)).startswith(HINT)
    left.close()
    unread.close()
    assert (room.taken, ended("left") - before) == (0, 2)


def test_head_says_what_get_would_and_holds_nothing(house: House, told: Told) -> None:
    answer = house.owner.client.head(told.path, headers={"Accept": TYPE})
    assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, TYPE, b"")
    assert room.taken == 0


def test_a_look_that_fails_ends_the_stream_between_two_events(
    house: House, told: Told, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.say("one")
    before, reader = ended("fault"), Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: reader.reading.comments >= 1)

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("the database went away")

    monkeypatch.setattr("provisioning.api.logs.log_lines_after", broken)
    told.say("two")
    got(call)
    monkeypatch.undo()
    assert (reader.lines, ended("fault") - before, room.taken) == (["one"], 1, 0)
    told.fail()
    assert of(read(asked(house.owner, told.path, last="1").content)) == [(2, "two")]


def test_a_watch_that_fails_goes_on_looking(
    house: House, told: Told, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OperationalError("the database went away"), ZeroDivisionError("a fault of ours")])
    look = reading_logs.log_watch._look

    def sometimes(runs: Any) -> Any:
        if (failure := next(failures, None)) is not None:
            raise failure
        return look(runs)

    monkeypatch.setattr(watching, "FAILED_SECONDS", 0.01)
    monkeypatch.setattr(reading_logs.log_watch, "_look", sometimes)
    reader = Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: reader.reading.comments >= 1)
    told.say("one")
    until(lambda: reader.lines == ["one"])
    told.fail()
    got(call)


def test_a_watch_ends_with_its_last_reader_and_begins_with_the_next(house: House, told: Told, callers: Callers) -> None:
    for _ in range(2):
        answer = asked(house.owner, told.path)
        assert reading_logs.log_watch._thread is not None
        answer.close()
        until(lambda: reading_logs.log_watch._thread is None)
    reader = Reader()
    call = reader.follow(callers, partial(asked, house.owner, told.path))
    until(lambda: reader.reading.comments >= 1)
    told.say("one")
    until(lambda: reader.lines == ["one"])
    told.fail()
    got(call)
