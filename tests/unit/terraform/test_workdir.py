import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from platform_api.terraform.digests import TreeUnfitError, tree_digest
from platform_api.terraform.spec import RunSpec, Template
from platform_api.terraform.state import StateUnreadableError
from platform_api.terraform.templates import TemplateDamagedError
from platform_api.terraform.testing import state_make
from platform_api.terraform.workdir import DiskSpaceError, InputsUnusableError, Workdir, WorkdirBusyError
from tests.waiting import wait_until

FIRST = state_make([], serial=1, lineage="one")
SECOND = state_make(["terraform_data.a"], serial=2, lineage="one")


@pytest.fixture
def template(tmp_path: Path) -> Template:
    folder = tmp_path / "template"
    (folder / ".terraform").mkdir(parents=True)
    (folder / "main.tf").write_text("")
    (folder / ".terraform" / "mirror").symlink_to(tmp_path)
    return Template(folder=folder, digest=tree_digest(folder))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def make(base: Path, template: Template, **changes: Any) -> Workdir:
    fields: dict[str, Any] = {"run_id": "run_1", "template": template, "variables": {}, **changes}
    return Workdir.make(base, RunSpec(**fields), minimum_free_bytes=0)[0]


def test_folder_and_files_are_for_the_owner_only_whatever_the_umask(base: Path, template: Template) -> None:
    before = os.umask(0)
    try:
        workdir = make(base, template, prior_state=FIRST.content, saved_plan=b"plan", variables={"name": "é ${x}"})
    finally:
        os.umask(before)
    assert workdir.folder == base / "run_1"
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    assert stat.S_IMODE(workdir.folder.stat().st_mode) == 0o700
    for path in (workdir.state, workdir.plan, workdir.inputs):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert json.loads(workdir.inputs.read_bytes()) == {"name": "é ${x}"}
    assert workdir.state.read_bytes() == FIRST.content
    assert workdir.plan.read_bytes() == b"plan"
    assert (workdir.folder / ".terraform" / "mirror").is_symlink()


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", ".", "x" * 65, "a\n", "é"])
def test_only_a_plain_name_becomes_a_folder(run_id: str, base: Path, template: Template) -> None:
    with pytest.raises(ValueError, match="cannot name a folder"):
        make(base, template, run_id=run_id)
    assert not base.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object(), {1, 2}])
def test_values_that_json_cannot_carry_are_refused_unquoted(value: object, base: Path, template: Template) -> None:
    with pytest.raises(InputsUnusableError) as caught:
        make(base, template, variables={"secret-name": ["secret-value", value]})
    assert "secret" not in caught.value.detail
    assert not base.exists()


def test_a_changed_template_leaves_no_folder(base: Path, template: Template) -> None:
    (template.folder / "main.tf").write_text("# changed")
    with pytest.raises(TemplateDamagedError):
        make(base, template)
    assert list(base.iterdir()) == []


def test_a_stored_state_that_is_none_is_refused(base: Path, template: Template) -> None:
    with pytest.raises(StateUnreadableError):
        make(base, template, prior_state=b"{}")


def test_an_attempt_finds_a_newer_state_of_the_one_before_and_nothing_else_of_it(
    base: Path, template: Template
) -> None:
    first = make(base, template, variables={"old": 1})
    (first.folder / "errored.tfstate").write_bytes(SECOND.content)
    (first.folder / "plan.bin").write_bytes(b"old plan")

    spec = RunSpec(run_id="run_1", template=template, variables={}, prior_state=FIRST.content)
    second, recovered = Workdir.make(base, spec, minimum_free_bytes=0)

    assert recovered == SECOND
    assert second.state.read_bytes() == SECOND.content
    assert not second.plan.exists()
    assert not (second.folder / "errored.tfstate").exists()
    assert json.loads(second.inputs.read_bytes()) == {}
    assert [path.name for path in base.iterdir()] == ["run_1"]


def test_a_state_survives_an_attempt_that_died_while_it_exchanged_the_folders(base: Path, template: Template) -> None:
    make(base, template, prior_state=SECOND.content).folder.rename(base / ".run_1.new")
    spec = RunSpec(run_id="run_1", template=template, variables={}, prior_state=FIRST.content)
    assert Workdir.make(base, spec, minimum_free_bytes=0)[1] == SECOND
    assert [path.name for path in base.iterdir()] == ["run_1"]


def test_what_is_left_after_a_failure_is_only_a_state_that_is_stored_nowhere(base: Path, template: Template) -> None:
    workdir = make(base, template, prior_state=FIRST.content)
    workdir.leave(FIRST)
    assert not workdir.folder.exists()

    workdir = make(base, template, variables={"secret": "x"})
    workdir.state.write_bytes(SECOND.content)
    workdir.leave(FIRST)
    assert [path.name for path in workdir.folder.iterdir()] == ["terraform.tfstate"]


def test_a_folder_can_be_removed_whatever_a_module_did_to_it(base: Path, template: Template) -> None:
    workdir = make(base, template)
    (workdir.folder / "sub").mkdir()
    (workdir.folder / "sub" / "file").touch()
    (workdir.folder / "sub").chmod(0)
    workdir.remove()
    workdir.remove()
    assert list(base.iterdir()) == []
    assert template.folder.parent.is_dir(), "links were not followed"


def test_a_folder_whose_state_is_locked_by_another_process_is_busy(base: Path, template: Template) -> None:
    workdir = make(base, template, prior_state=FIRST.content)
    code = (
        "import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(workdir.state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(WorkdirBusyError):
            make(base, template)
        assert workdir.state.read_bytes() == FIRST.content
    wait_until(lambda: holder.poll() is not None)
    make(base, template)


def test_a_disk_without_room_refuses_before_anything_is_written(base: Path, template: Template) -> None:
    spec = RunSpec(run_id="run_1", template=template, variables={})
    with pytest.raises(DiskSpaceError, match="bytes are free"):
        Workdir.make(base, spec, minimum_free_bytes=2**62)
    assert list(base.iterdir()) == []


def test_a_disk_that_fills_up_is_named_as_such(base: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Workdir, "write", full)
    with pytest.raises(DiskSpaceError, match="No space left"):
        make(base, template)


def test_a_digest_depends_on_names_contents_and_links_and_on_nothing_else(tmp_path: Path) -> None:
    def tree(name: str, *, content: str = "x", file: str = "a", link: str = "/nowhere") -> str:
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / file).write_text(content)
        (folder / "link").symlink_to(link)
        return tree_digest(folder)

    same = tree("one")
    (tmp_path / "one" / "sub" / "a").chmod(0o600)
    assert tree_digest(tmp_path / "one") == same == tree("two")
    assert len({same, tree("three", content="y"), tree("four", file="b"), tree("five", link="/else")}) == 4


def test_what_is_neither_file_folder_nor_link_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TreeUnfitError, match="pipe"):
        tree_digest(tmp_path)
