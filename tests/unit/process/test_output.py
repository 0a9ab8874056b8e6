from pathlib import Path

import pytest

from platform_api.process.output import LINE_LIMIT_BYTES, OutputFollower


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "output.log"
    path.touch()
    return path


def append(file: Path, data: bytes) -> None:
    with file.open("ab") as handle:
        handle.write(data)


def test_only_complete_lines_are_handed_on_until_the_end(file: Path) -> None:
    lines: list[str] = []
    follower = OutputFollower(file, lines.append, offset=0)
    append(file, b"one\ntw")
    assert follower.read() == 6
    assert lines == ["one"]
    append(file, b"o\r\n\nthr")
    follower.read()
    assert lines == ["one", "two", ""]
    follower.finish()
    assert lines == ["one", "two", "", "thr"]


def test_bytes_that_are_no_text_are_replaced(file: Path) -> None:
    lines: list[str] = []
    append(file, b"a\xffb\n")
    OutputFollower(file, lines.append, offset=0).read()
    assert lines == ["a�b"]


def test_a_character_split_between_two_looks_stays_whole(file: Path) -> None:
    lines: list[str] = []
    follower = OutputFollower(file, lines.append, offset=0)
    append(file, b"\xc3")
    follower.read()
    append(file, b"\xa9\n")
    follower.read()
    assert lines == ["é"]


def test_a_very_long_line_is_cut_and_the_next_one_is_whole(file: Path) -> None:
    lines: list[str] = []
    append(file, b"x" * (3 * LINE_LIMIT_BYTES + 5) + b"\nnext\n")
    OutputFollower(file, lines.append, offset=0).finish()
    assert lines == ["x" * LINE_LIMIT_BYTES, "next"]


def test_one_look_reads_a_bounded_amount(file: Path) -> None:
    append(file, b"y" * (5 * 1024 * 1024))
    follower = OutputFollower(file, lambda _line: None, offset=0)
    assert follower.read() < 2 * 1024 * 1024
