from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.core.http.events import HEARTBEAT, HINT, RETRY_MILLISECONDS, event
from provisioning.selectors.shapes import LogLineShape
from tests.events import Event, read


def test_an_event_has_an_id_a_name_and_its_data_in_one_line_each() -> None:
    assert event("line", b'{"a":1}', mark="7") == b'id: 7\nevent: line\ndata: {"a":1}\n\n'


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_no_text_of_a_line_ends_its_event_or_begins_another(text: str) -> None:
    line = LogLineShape(
        sequence=7, at=datetime.now(UTC), source="terraform", level="info", line=text, event={"address": text}
    )
    sent = event("line", msgspec.json.encode(line), mark="7")
    assert (sent.count(b"\n"), sent.count(b"\r")) == (4, 0)
    (found,) = read(sent).events
    assert (found.name, found.mark, found.data["line"], found.data["event"]) == ("line", "7", text, {"address": text})


def test_comments_and_hints_are_no_events_and_leave_the_id_as_it_is() -> None:
    reading = read(HINT + event("line", b"1", mark="7") + HEARTBEAT + HEARTBEAT)
    assert reading.events == [Event("line", "7", 1)]
    assert (reading.mark, reading.comments, reading.retry_seconds) == ("7", 2, RETRY_MILLISECONDS / 1000)


@pytest.mark.parametrize("cut", range(1, 30))
def test_an_event_that_was_cut_off_does_not_count(cut: int) -> None:
    whole = event("line", b"1", mark="7")
    reading = read(whole + event("line", b"2", mark="8")[:-cut])
    assert (reading.events, reading.mark) == ([Event("line", "7", 1)], "7")
