import os
import signal
from pathlib import Path

import pytest

from platform_api.process.ladders import Ladder, Step
from platform_api.process.runner import Ending, run
from platform_api.process.table import process_rows
from tests.unit.process.conftest import PythonCommand
from tests.waiting import wait_until

QUICK: Ladder = (Step(signal=signal.SIGINT, seconds=5),)
ENDLESS = "import time\nprint('up')\nwhile True: time.sleep(1)"
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + ENDLESS
# Prints the pid of a grandchild that is deaf to SIGINT and has the same session.
WITH_GRANDCHILD = (
    "import os, signal, time\n"
    "pid = os.fork()\n"
    "if pid == 0:\n"
    "    signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "    while True: time.sleep(1)\n"
    "print(pid)\n"
)


class CallbackError(Exception):
    pass


def lives(pid: int) -> bool:
    return any(row.pid == pid and not row.is_zombie for row in process_rows())


def test_a_command_that_ends_by_itself_is_finished_with_its_status(python: PythonCommand) -> None:
    outcome = run(python("raise SystemExit(3)"), deadline_seconds=20, ladder=QUICK)
    assert (outcome.return_code, outcome.ending, outcome.is_success) == (3, Ending.FINISHED, False)


def test_success_is_status_zero_reached_without_being_stopped(python: PythonCommand) -> None:
    assert run(python("pass"), deadline_seconds=20, ladder=QUICK).is_success


def test_lines_arrive_in_order_while_the_command_still_runs(python: PythonCommand) -> None:
    lines: list[str] = []
    command = python(
        "import os, time\nprint('first')\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('second')"
    )

    def on_line(line: str) -> None:
        lines.append(line)
        (command.cwd / "go").touch()  # it writes its second line only after the first was heard

    assert run(command, deadline_seconds=20, ladder=QUICK, on_line=on_line).is_success
    assert lines == ["first", "second"]


def test_the_last_line_needs_no_end_and_earlier_content_of_the_file_is_not_repeated(
    python: PythonCommand,
) -> None:
    command = python("import sys; sys.stdout.write('new\\nlast')")
    command.output.write_text("old\n")
    lines: list[str] = []
    run(command, deadline_seconds=20, ladder=QUICK, on_line=lines.append)
    assert lines == ["new", "last"]
    assert command.output.read_text() == "old\nnew\nlast"


def test_a_deadline_ends_the_command(python: PythonCommand) -> None:
    outcome = run(python(ENDLESS), deadline_seconds=0.5, ladder=QUICK)
    assert outcome.ending is Ending.TIMED_OUT


def test_silence_ends_the_command(python: PythonCommand) -> None:
    outcome = run(python(ENDLESS), deadline_seconds=60, silence_seconds=0.6, ladder=QUICK)
    assert outcome.ending is Ending.SILENT


def test_a_command_that_keeps_writing_is_not_silent(python: PythonCommand) -> None:
    code = "import time\nfor _ in range(8): print('.'); time.sleep(0.15)"
    outcome = run(python(code), deadline_seconds=60, silence_seconds=1.0, ladder=QUICK)
    assert outcome.ending is Ending.FINISHED


def test_a_stopped_command_that_reports_success_still_counts_as_stopped(python: PythonCommand) -> None:
    code = (
        "import signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(0))\nprint('up')\n"
        "while True: time.sleep(1)"
    )
    lines: list[str] = []
    outcome = run(
        python(code),
        deadline_seconds=60,
        ladder=QUICK,
        should_stop=lambda: "up" in lines,
        on_line=lines.append,
    )
    assert (outcome.return_code, outcome.ending, outcome.is_success) == (0, Ending.STOPPED, False)


def test_what_is_deaf_to_the_ladder_is_killed(python: PythonCommand) -> None:
    lines: list[str] = []
    ladder: Ladder = (Step(signal=signal.SIGINT, seconds=0.2), Step(signal=signal.SIGINT, seconds=0.2))
    outcome = run(
        python(DEAF),
        deadline_seconds=60,
        ladder=ladder,
        should_stop=lambda: "up" in lines,
        on_line=lines.append,
    )
    assert outcome.return_code == -signal.SIGKILL


def test_each_step_of_the_ladder_is_taken_in_turn(python: PythonCommand) -> None:
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, lambda *_: print('interrupted'))\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('terminated'))\n"
        "print('up')\nwhile True: time.sleep(0.01)"
    )
    lines: list[str] = []
    ladder: Ladder = (Step(signal=signal.SIGINT, seconds=0.4), Step(signal=signal.SIGTERM, seconds=0.4))
    run(
        python(code),
        deadline_seconds=60,
        ladder=ladder,
        should_stop=lambda: "up" in lines,
        on_line=lines.append,
    )
    assert lines == ["up", "interrupted", "terminated"]


@pytest.mark.parametrize("leader_ends_by_itself", [True, False])
def test_nothing_of_the_session_is_left(python: PythonCommand, *, leader_ends_by_itself: bool) -> None:
    code = WITH_GRANDCHILD + ("" if leader_ends_by_itself else "while True: time.sleep(1)")
    lines: list[str] = []
    run(python(code), deadline_seconds=60, ladder=QUICK, should_stop=lambda: bool(lines), on_line=lines.append)
    assert not lives(int(lines[0]))


@pytest.mark.parametrize("error", [CallbackError, KeyboardInterrupt])
def test_an_exception_from_a_callback_ends_the_command_and_goes_on_to_the_caller(
    python: PythonCommand, error: type[BaseException]
) -> None:
    command = python("import os\nprint(os.getpid())\n" + ENDLESS)

    def on_line(_line: str) -> None:
        raise error

    with pytest.raises(error):
        run(command, deadline_seconds=60, ladder=QUICK, on_line=on_line)
    assert not lives(int(command.output.read_text().split()[0]))


def test_an_exception_thrown_in_by_a_signal_handler_ends_the_command(python: PythonCommand) -> None:
    command = python("import os\nprint(os.getpid())\n" + ENDLESS)

    def soft_limit(_number: int, _frame: object) -> None:
        raise CallbackError

    def should_stop() -> bool:
        if command.output.read_text():
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        return False

    before = signal.signal(signal.SIGALRM, soft_limit)
    try:
        with pytest.raises(CallbackError):
            run(command, deadline_seconds=60, ladder=QUICK, should_stop=should_stop)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not lives(int(command.output.read_text().split()[0]))


def test_no_descriptor_is_left_open(python: PythonCommand) -> None:
    run(python("pass"), deadline_seconds=20, ladder=QUICK)  # what is opened once for good is open now
    before = sorted(Path("/proc/self/fd").iterdir())
    for _ in range(3):
        run(python("pass"), deadline_seconds=20, ladder=QUICK)
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_a_child_outlives_nobody(python: PythonCommand, tmp_path: Path) -> None:
    """The parent is killed; the kernel interrupts the child, which says so and ends."""
    code = (
        "import signal, sys, time\n"
        "def told(*_):\n"
        "    open('told', 'w').close()\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGINT, told)\n"
        "open('up', 'w').close()\nwhile True: time.sleep(1)"
    )
    command = python(code, parent_death_signal=signal.SIGINT)
    pid = os.fork()
    if pid == 0:
        try:
            run(command, deadline_seconds=60, ladder=QUICK)
        finally:
            os._exit(1)
    wait_until((tmp_path / "up").exists)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_until((tmp_path / "told").exists)
