import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.process.output import LINE_LIMIT_BYTES
from platform_api.terraform.events import Event, EventKind, event_read
from platform_api.terraform.journal import Journal, StepStatus
from platform_api.terraform.redaction import Redactor

NONE = Redactor()


def line(kind: str, message: str = "something", **fields: object) -> str:
    at = "2026-11-21T10:31:31.072833Z"
    return json.dumps({"@level": "info", "@message": message, "@timestamp": at, "type": kind, **fields})


def hook(kind: str, address: str, action: str = "create", **fields: object) -> Event:
    return event_read(line(kind, hook={"resource": {"addr": address}, "action": action, **fields}), NONE)


def test_an_event_has_the_object_the_action_and_terraforms_own_time() -> None:
    event = hook("apply_complete", "fleet_postgres_role.this", id_key="name", id_value="orders", elapsed_seconds=2)
    assert event.kind is EventKind.APPLY_COMPLETE
    assert event.at == datetime(2026, 11, 21, 10, 31, 31, 72833, tzinfo=UTC)
    assert (event.address, event.action, event.seconds) == ("fleet_postgres_role.this", "create", 2)
    assert (event.id_key, event.id_value) == ("name", "orders")


def test_a_planned_change_names_its_object() -> None:
    change = {"resource": {"addr": "terraform_data.a"}, "action": "replace"}
    event = event_read(line("planned_change", change=change), NONE)
    assert (event.kind, event.address, event.action) == (EventKind.PLANNED_CHANGE, "terraform_data.a", "replace")


def test_a_diagnostic_keeps_place_and_words_but_no_snippet() -> None:
    content = {
        "severity": "error",
        "summary": "Invalid value for variable",
        "detail": "name must be …",
        "address": "terraform_data.a",
        "range": {"filename": "variables.tf", "start": {"line": 7}},
        "snippet": {"values": [{"traversal": "var.x", "statement": 'is "unmarked secret"'}]},
    }
    event = event_read(line("diagnostic", diagnostic=content), NONE)
    assert event.diagnostic
    assert (event.diagnostic.severity, event.diagnostic.place) == ("error", "variables.tf:7")
    assert event.diagnostic.summary == "Invalid value for variable"
    assert "unmarked secret" not in repr(event)


@pytest.mark.parametrize(
    "text",
    ["panic: runtime error", "{", "[1]", "null", '{"type": "log"}', '{"@message": 5}', "[" * 100_000, ""],
)
def test_what_is_no_event_is_kept_as_a_line_of_the_log(text: str) -> None:
    event = event_read(text[:60_000], NONE)
    assert (event.kind, event.line) == (EventKind.LOG, text[:60_000])


def test_an_unknown_kind_is_kept_as_a_log_event() -> None:
    event = event_read(line("hologram", "Look!"), NONE)
    assert (event.kind, event.line) == (EventKind.LOG, "Look!")


def test_values_of_outputs_are_left_out() -> None:
    event = event_read(line("outputs", "Outputs: 1", outputs={"x": {"value": "visible-value"}}), NONE)
    assert event.kind is EventKind.OUTPUTS
    assert "visible-value" not in repr(event)


def test_secrets_are_redacted_in_json_and_in_plain_lines() -> None:
    redactor = Redactor(['p"ss\nword'])
    for text in (line("log", 'it is p"ss\nword'), 'raw p\\"ss\\nword', line("log", 'nested "p\\"ss\\nword"')):
        event = event_read(text, redactor)
        assert "[redacted]" in event.line
        assert "word" not in event.line


def test_a_line_that_was_cut_is_left_out_for_the_cut_may_go_through_a_secret() -> None:
    secret = "hunter22hunter22"
    cut = "x" * (LINE_LIMIT_BYTES - 8) + secret[:8]
    assert "hunter22" not in event_read(cut, Redactor([secret])).line


@given(
    st.dictionaries(
        st.sampled_from(["@message", "@level", "@timestamp", "type", "hook", "change", "diagnostic", "range"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["resource", "addr", "elapsed_seconds", "range", "start", "filename", "line"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=6,
        ),
    ),
    st.text(max_size=30),
)
def test_no_line_is_too_odd_to_be_read(fields: dict[str, object], text: str) -> None:
    for odd in (json.dumps(fields), json.dumps({**fields, "@message": text}), text):
        assert isinstance(event_read(odd, NONE).line, str)


def test_a_journal_counts_progress_and_knows_what_is_in_doubt() -> None:
    journal = Journal(total=3)
    heard = [
        journal.take(event)
        for event in (
            hook("apply_start", "data.x", "read"),
            hook("apply_complete", "data.x", "read"),
            hook("apply_start", "a.b", "delete", id_key="id", id_value="7"),
            hook("apply_complete", "a.b", "delete"),
            hook("apply_start", "a.b"),
            hook("apply_progress", "a.b"),
            hook("apply_errored", "a.b"),
            hook("apply_start", "c.d"),
            event_read("plain", NONE),
        )
    ]
    progress = [event.progress for event in heard]
    assert [item.percent if item else None for item in progress] == [None, None, 0, 33, 33, 33, 33, 33, None]
    assert progress[4]
    assert progress[4].current == "a.b"
    assert [(entry.address, entry.action, entry.status, entry.id_value) for entry in journal.entries] == [
        ("a.b", "delete", StepStatus.COMPLETE, "7"),
        ("a.b", "create", StepStatus.ERRORED, ""),
        ("c.d", "create", StepStatus.STARTED, ""),
    ]


def test_an_apply_with_nothing_to_do_is_done() -> None:
    assert Journal(total=0).progress.percent == 100
