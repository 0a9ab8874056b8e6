import io

import pytest

from platform_api.embedded.demo.display import Display, Style, secret_hint


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class BrokenPipe(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


class AsciiStream(io.TextIOWrapper):
    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding="ascii")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def show_one_of_each(display: Display, clock: Clock) -> None:
    with display.step("Order"):
        display.say("faint", Style.FAINT)
        display.seen("it came")
        display.beat("run planning")
        clock.now += 6
        display.beat("run planning")


def test_a_log_gets_whole_lines_without_colors_and_cursor_tricks(clock: Clock) -> None:
    stream = io.StringIO()
    show_one_of_each(Display(stream, {}, clock), clock)
    assert stream.getvalue() == ("\n 1  Order\n    faint\n    ok  it came\n    ... run planning (6 s)\n    6.0 s\n")


def test_a_log_is_told_every_five_seconds_that_a_wait_goes_on(clock: Clock) -> None:
    stream = io.StringIO()
    display = Display(stream, {}, clock)
    for _ in range(120):
        display.beat("run applying 33 %")
        clock.now += 0.1
    assert stream.getvalue() == "    ... run applying 33 % (5 s)\n    ... run applying 33 % (10 s)\n"


def test_a_terminal_gets_colors_and_one_line_that_is_rewritten(clock: Clock) -> None:
    stream = Terminal()
    show_one_of_each(Display(stream, {"TERM": "xterm"}, clock), clock)
    text = stream.getvalue()
    assert "\x1b[32m    ok  it came\x1b[0m" in text
    assert "\r\x1b[2K\x1b[2m    ... run planning (6 s)\x1b[0m\r\x1b[2K" in text


def test_no_color_forbids_colors_only(clock: Clock) -> None:
    stream = Terminal()
    show_one_of_each(Display(stream, {"TERM": "xterm", "NO_COLOR": "1"}, clock), clock)
    assert "\r\x1b[2K    ... run planning (6 s)" in stream.getvalue()
    assert "\x1b[32m" not in stream.getvalue()
    assert "\x1b[0m" not in stream.getvalue()


def test_a_dumb_terminal_is_treated_as_a_log(clock: Clock) -> None:
    stream = Terminal()
    show_one_of_each(Display(stream, {"TERM": "dumb"}, clock), clock)
    assert "\x1b" not in stream.getvalue()


def test_a_step_that_fails_says_so_with_its_time(clock: Clock) -> None:
    stream = io.StringIO()
    display = Display(stream, {}, clock)

    def fail() -> None:
        with display.step("Order"):
            clock.now += 1.25
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert stream.getvalue().endswith("    FAILED after 1.2 s\n")


def test_steps_and_proofs_are_counted(clock: Clock) -> None:
    stream = io.StringIO()
    display = Display(stream, {}, clock)
    show_one_of_each(display, clock)
    show_one_of_each(display, clock)
    assert display.seen_count == 2
    assert display.seconds == 12
    assert "\n 2  Order\n" in stream.getvalue()


def test_a_concealed_text_is_never_shown_by_whatever_shows_it(clock: Clock) -> None:
    stream = io.StringIO()
    display = Display(stream, {}, clock)
    display.conceal("hunter2")
    display.say("postgresql://me:hunter2@host/db")
    display.document({"password": "hunter2"})
    display.table([("password", "hunter2")])
    display.seen("hunter2")
    with display.step("hunter2"):
        clock.now += 6
        display.beat("hunter2")
        clock.now += 6
        display.beat("hunter2")
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("****") == 7


def test_a_hint_is_three_characters() -> None:
    assert secret_hint("hunter2") == "hun****"


def test_columns_of_a_table_are_aligned(clock: Clock) -> None:
    stream = io.StringIO()
    Display(stream, {}, clock).table([("PLAN", "POINTS"), ("small", "1")])
    assert stream.getvalue() == "    PLAN   POINTS\n    small  1\n"


def test_a_demo_goes_on_when_its_reader_went_away(clock: Clock) -> None:
    display = Display(BrokenPipe(), {}, clock)
    display.say("one")
    display.say("two")
    display.seen("three")
    assert display.seen_count == 1


def test_what_a_stream_cannot_write_is_replaced(clock: Clock) -> None:
    stream = AsciiStream()
    Display(stream, {}, clock).say("größer …")
    assert stream.bytes.getvalue() == b"    gr??er ?\n"
