import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.core import correlation, tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_sound_traceparent_is_gone_on_with_as_a_span_of_its_own() -> None:
    span = tracing.span_of(f"00-{TRACE}-{SPAN}-01")
    assert (span.trace_id, span.is_sampled) == (TRACE, True)
    assert span.span_id != SPAN
    assert tracing.parse(str(span)) == span


def test_whether_it_is_kept_is_passed_on() -> None:
    assert str(tracing.span_of(f"00-{TRACE}-{SPAN}-00")).endswith("-00")
    assert str(tracing.span_of(f"00-{TRACE}-{SPAN}-03")).endswith("-01")  # bits that 00 does not know are not sent


@pytest.mark.parametrize("later", ["01-{}-{}-01", "cc-{}-{}-01-what-the-future-will-be-like"])
def test_a_later_version_is_read_as_far_as_it_is_known(later: str) -> None:
    assert tracing.span_of(later.format(TRACE, SPAN)).trace_id == TRACE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 600}",
    ],
)
def test_what_cannot_be_read_is_replaced_by_a_new_trace(text: str) -> None:
    assert tracing.parse(text) is None
    first, second = tracing.span_of(text), tracing.span_of(text)
    assert TRACE not in {first.trace_id, second.trace_id}
    assert first.trace_id != second.trace_id


@given(st.text())
def test_any_text_at_all_gives_a_span_that_can_be_passed_on(text: str) -> None:
    span = tracing.span_of(text)
    assert len(str(span)) == tracing.LENGTH
    assert tracing.parse(str(span)) == span


def test_what_is_bound_within_is_gone_after() -> None:
    assert tracing.traceparent() == ""
    with correlation.bound("outer", traceparent=f"00-{TRACE}-{SPAN}-01"):
        with correlation.bound("inner"):
            assert tracing.trace_id() not in {"", TRACE}
        assert (correlation.current(), tracing.trace_id()) == ("outer", TRACE)
    assert (correlation.current(), tracing.trace_id()) == ("-", "")
