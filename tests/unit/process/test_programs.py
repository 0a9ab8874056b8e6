from pathlib import Path
from threading import Timer

import pytest

from platform_api.process.programs import (
    Program,
    ProgramMissingError,
    ProgramSearch,
    program_find,
    terraform_find,
)

TOOL = ProgramSearch(
    title="The tool",
    variable="TOOL_BIN",
    names=("tool", "other-tool"),
    minimum=(2, 10),
    install="Install the tool",
)


def put(folder: Path, name: str, answer: str, *, status: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{answer}'\nexit {status}\n")
    file.chmod(0o755)
    return file


def test_the_variable_wins_over_path(tmp_path: Path) -> None:
    put(tmp_path / "path", "tool", "tool 2.10")
    named = put(tmp_path / "named", "mine", "tool 3.1")
    found = program_find(TOOL, {"PATH": str(tmp_path / "path"), "TOOL_BIN": str(named)})
    assert found == Program(path=named, version=(3, 1))


def test_a_variable_that_names_nothing_is_told_and_path_is_not_searched(tmp_path: Path) -> None:
    put(tmp_path, "tool", "tool 2.10")
    with pytest.raises(ProgramMissingError, match="TOOL_BIN=/nowhere: not there"):
        program_find(TOOL, {"PATH": str(tmp_path), "TOOL_BIN": "/nowhere"})


def test_the_second_name_serves_when_the_first_is_too_old(tmp_path: Path) -> None:
    put(tmp_path, "tool", "tool v2.9.12")
    newer = put(tmp_path, "other-tool", "other (fork) v=2.11.0 build=77")
    assert program_find(TOOL, {"PATH": str(tmp_path)}) == Program(path=newer, version=(2, 11, 0))


def test_a_refusal_tells_everywhere_that_was_looked_and_what_to_do(tmp_path: Path) -> None:
    old = put(tmp_path, "tool", "tool 2.9")
    with pytest.raises(ProgramMissingError) as refusal:
        program_find(TOOL, {"PATH": str(tmp_path)})
    assert refusal.value.detail == (
        f"The tool 2.10 or newer was not found. Looked at: {old}: is 2.9; other-tool on PATH ({tmp_path}): not there."
    )
    assert refusal.value.remedy == "Install the tool, or set TOOL_BIN to its file."


@pytest.mark.parametrize(("answer", "status"), [("no number", 0), ("tool 3.0", 1)])
def test_a_program_that_does_not_tell_its_version_is_refused(tmp_path: Path, answer: str, status: int) -> None:
    put(tmp_path, "tool", answer, status=status)
    with pytest.raises(ProgramMissingError, match="did not tell its version"):
        program_find(TOOL, {"PATH": str(tmp_path)})


def test_a_file_that_cannot_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a program")
    with pytest.raises(ProgramMissingError, match="does not run"):
        program_find(TOOL, {"TOOL_BIN": str(tmp_path / "text")})


def test_a_file_that_is_open_for_writing_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    file = put(tmp_path, "tool", "tool 2.10")
    with file.open("a") as writing:
        closing = Timer(0.2, writing.close)
        closing.start()
        assert program_find(TOOL, {"TOOL_BIN": str(file)}).version == (2, 10)
        closing.join()


def test_the_real_terraform_is_found() -> None:
    found = terraform_find()
    assert found.version >= (1, 10)
    assert found.path.name in {"terraform", "tofu"}
