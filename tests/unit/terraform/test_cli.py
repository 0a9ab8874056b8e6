import os
from pathlib import Path

import pytest

from platform_api.terraform.cli import CommandLine, environment_build
from platform_api.terraform.client import PlanMode

TERRAFORM = "/opt/terraform"
PLAN = (TERRAFORM, "plan", "-json", "-input=false", "-out=plan.bin", "-var-file=inputs.tfvars.json")


@pytest.fixture
def line() -> CommandLine:
    return CommandLine(Path(TERRAFORM))


@pytest.mark.parametrize(
    ("mode", "more"),
    [(PlanMode.NORMAL, ()), (PlanMode.DESTROY, ("-destroy",)), (PlanMode.REFRESH_ONLY, ("-refresh-only",))],
)
def test_a_plan_says_where_to_and_with_which_file(mode: PlanMode, more: tuple[str, ...], line: CommandLine) -> None:
    assert line.plan(mode) == (*PLAN, *more)


def test_the_other_commands_are_fixed_words(line: CommandLine) -> None:
    assert line.init() == (TERRAFORM, "init", "-input=false", "-no-color")
    assert line.show() == (TERRAFORM, "show", "-json", "-no-color", "plan.bin")
    assert line.apply() == (TERRAFORM, "apply", "-json", "-input=false", "plan.bin")


def test_the_library_does_nothing_but_build_arguments(
    line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "terraform.tfstate").write_text("no JSON: reading it would fail")
    assert CommandLine(Path(TERRAFORM)).apply()
    with pytest.raises(AttributeError):
        line.appyl()
    assert not hasattr(line, "appyl")
    with pytest.raises(TypeError):
        line.cmd("version")
    with pytest.raises(TypeError):
        line.destroy()
    with pytest.raises(TypeError, match="file of its own"):
        line._build("plan", var={"secret": "value"})


def test_the_environment_is_built_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "TF_VAR_x", "TF_CLI_ARGS", "TF_LOG", "HTTP_PROXY", "PYTHONPATH"):
        monkeypatch.setenv(name, "ours")
    built = environment_build(
        tmp_path, configuration=tmp_path / "terraform.rc", provider={"TF_REATTACH_PROVIDERS": "{}"}
    )
    assert built == {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "LANG": "C.UTF-8",
        "TF_CLI_CONFIG_FILE": str(tmp_path / "terraform.rc"),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",
        "TF_REATTACH_PROVIDERS": "{}",
    }
    assert os.environ["DATABASE_URL"] == "ours"
