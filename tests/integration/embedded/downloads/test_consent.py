"""Terraform is missing: who is asked, who decides, and what the stack makes of it."""

import os
import pty
import shutil
import subprocess
from dataclasses import replace

import pytest

from fleet_provider.mirror import platform_name
from platform_api.embedded.environment import environment_read
from platform_api.embedded.folder import CHECKOUT, StateFolder
from platform_api.embedded.releases.fetching import DownloadError
from platform_api.embedded.releases.pins import TERRAFORM_RELEASE
from platform_api.embedded.releases.providing import program_provide
from platform_api.process.programs import TERRAFORM, ProgramMissingError
from tests.integration.embedded.downloads.machine import SCRIPT, SOUND, left, nobody, provide
from tests.integration.embedded.downloads.mirror import Mirror, body
from tests.stacks import Stack


@pytest.mark.parametrize("word", ["0", "no"])
def test_a_variable_that_says_no_is_obeyed_and_nobody_is_asked(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror, word: str
) -> None:
    with pytest.raises(ProgramMissingError, match="was not found"):
        provide(folder, environ | {"SLIPWAY_DOWNLOAD_TERRAFORM": word}, ask=pytest.fail)
    assert mirror.asked == []


def test_a_variable_that_says_neither_is_refused(folder: StateFolder, environ: dict[str, str], mirror: Mirror) -> None:
    with pytest.raises(DownloadError, match="SLIPWAY_DOWNLOAD_TERRAFORM=maybe says neither yes nor no"):
        provide(folder, environ | {"SLIPWAY_DOWNLOAD_TERRAFORM": "maybe"})
    assert mirror.asked == []


def test_a_person_is_told_what_from_where_under_which_license_before_they_agree(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror
) -> None:
    mirror.answer = body(SOUND)
    del environ["SLIPWAY_DOWNLOAD_TERRAFORM"]
    questions: list[str] = []

    def agree(question: str) -> bool:
        questions.append(question)
        return True

    assert provide(folder, environ, ask=agree).version == (1, 11, 4)
    (question,) = questions
    for part in ("Terraform 1.11.4", "Business Source License", mirror.url, str(folder.programs), "was not found"):
        assert part in question


def test_a_person_who_declines_gets_the_plain_refusal(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror
) -> None:
    del environ["SLIPWAY_DOWNLOAD_TERRAFORM"]
    with pytest.raises(ProgramMissingError) as refusal:
        provide(folder, environ, ask=lambda _question: False)
    assert refusal.value.remedy == "Install Terraform or OpenTofu 1.10 or newer, or set TERRAFORM_BIN to its file."
    assert (mirror.asked, folder.path.exists()) == ([], False)


def test_where_nobody_can_be_asked_the_refusal_names_the_variable(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror
) -> None:
    del environ["SLIPWAY_DOWNLOAD_TERRAFORM"]
    with pytest.raises(ProgramMissingError, match=r"a download in .*: not there") as refusal:
        provide(folder, environ)
    assert "Or have Terraform 1.11.4 (Business Source License" in refusal.value.remedy
    assert refusal.value.remedy.endswith("set SLIPWAY_DOWNLOAD_TERRAFORM=1.")
    assert (mirror.asked, folder.path.exists()) == ([], False)


def test_a_variable_that_names_the_program_is_believed_and_nothing_is_downloaded(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror
) -> None:
    with pytest.raises(ProgramMissingError, match="TERRAFORM_BIN=/nowhere: not there"):
        provide(folder, environ | {"TERRAFORM_BIN": "/nowhere"})
    assert (mirror.asked, folder.path.exists()) == ([], False)


def test_a_platform_without_a_checksum_is_told_so(folder: StateFolder, environ: dict[str, str], mirror: Mirror) -> None:
    releases = {TERRAFORM: replace(TERRAFORM_RELEASE, checksums={"plan9_mips": "0" * 64})}
    with pytest.raises(ProgramMissingError) as refusal:
        program_provide(TERRAFORM, folder=folder, environ=environ, ask=nobody, say=print, releases=releases)
    assert f"for plan9_mips only; this machine is {platform_name()}" in refusal.value.remedy
    assert (mirror.asked, folder.path.exists()) == ([], False)


def without_terraform() -> str:
    """PATH without the folders that hold a Terraform; the stack needs what else is on it."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(
        place for place in folders if not any(shutil.which(name, path=place) for name in TERRAFORM.names)
    )


def test_a_stack_tells_its_parts_where_the_download_is(stack: Stack) -> None:
    stack.folder.make()
    stack.folder.programs.mkdir(mode=0o700)
    program = stack.folder.programs / TERRAFORM_RELEASE.file
    program.write_bytes(SCRIPT)
    program.chmod(0o700)

    stack.up(PATH=without_terraform())

    assert environment_read(stack.folder)["TERRAFORM_BIN"] == str(program)
    assert "TERRAFORM_BIN" in stack.folder.log("prepare").read_text().split()


def test_a_stack_that_finds_terraform_leaves_its_parts_to_find_it(stack: Stack) -> None:
    stack.up()
    assert "TERRAFORM_BIN" not in environment_read(stack.folder)


def test_a_stack_in_the_background_asks_nobody_and_names_the_variable(stack: Stack) -> None:
    answer = stack.cli("up", "--detach", PATH=without_terraform())
    assert answer.returncode == 1
    assert "set SLIPWAY_DOWNLOAD_TERRAFORM=1." in answer.stderr
    assert not stack.folder.path.exists()


def test_servers_alone_need_no_terraform(stack: Stack) -> None:
    stack.up("--only", "servers", PATH=without_terraform())


def test_a_stack_whose_download_fails_starts_nothing(stack: Stack, mirror: Mirror) -> None:
    mirror.answer = body(SOUND)  # not what is pinned
    settings = {"SLIPWAY_DOWNLOAD_TERRAFORM": "1", "SLIPWAY_TERRAFORM_MIRROR": mirror.url}
    answer = stack.cli("up", "--detach", PATH=without_terraform(), **settings)
    assert answer.returncode == 1
    assert "has the SHA-256" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert left(stack.folder) == []
    assert stack.processes == []


@pytest.mark.parametrize(("typed", "asked"), [("n", 0), ("", 0), ("y", 1)])
def test_a_person_at_a_terminal_is_asked_and_nothing_happens_without_a_yes(
    stack: Stack, mirror: Mirror, typed: str, asked: int
) -> None:
    settings = {"SLIPWAY_TERRAFORM_MIRROR": mirror.url, "PATH": without_terraform()}

    status, shown = at_terminal(stack, "up", typed=f"{typed}\n", **settings)

    assert status == 1
    assert f"Download Terraform 1.11.4 ({TERRAFORM_RELEASE.license}) from {mirror.url}" in shown
    assert "into " + str(stack.folder.programs) + "? [y/N]" in shown
    assert len(mirror.asked) == asked
    assert ("404 Not Found" in shown) is bool(asked)
    assert stack.processes == []


def at_terminal(stack: Stack, *arguments: str, typed: str, **settings: str) -> tuple[int, str]:
    """Run the command line at a terminal, answer its question, and return its status and all that is shown."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        (*stack.program, *arguments),
        cwd=CHECKOUT,
        env={**stack.environ, **settings},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # how Linux says that nobody has the terminal open any more
            pass
        os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")
