"""Terraform's command lines and environment. This file starts nothing."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from python_terraform import IsFlagged, Terraform

from platform_api.process.ladders import Ladder, Step
from platform_api.terraform.client import PlanMode

INPUTS = "inputs.tfvars.json"
PLAN = "plan.bin"

# A plan has nothing to lose, and an interrupted one often goes on to its end with exit status 0.
PLAN_LADDER: Ladder = (Step(signal=signal.SIGINT, seconds=2),)

_MODES: Mapping[PlanMode, Mapping[str, object]] = {
    PlanMode.NORMAL: {},
    PlanMode.DESTROY: {"destroy": IsFlagged},
    PlanMode.REFRESH_ONLY: {"refresh_only": IsFlagged},
}


class CommandLine(Terraform):  # type: ignore[misc]  # python-terraform ships no types
    """python-terraform as a builder of argument lists, and nothing else of it.

    What it would do besides is closed: running commands (no time limit, no signal, the whole environment), reading
    states, making a command of any misspelt name, and writing variables to files that it may forget.
    """

    def __init__(self, program: Path) -> None:
        super().__init__(terraform_bin_path=str(program), is_env_vars_included=False)

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse what is not there; the library would take it for a command."""
        raise AttributeError(name)

    def read_state_file(self, file_path: object = None) -> None:
        """Read none."""

    def cmd(self, cmd: str, *args: object, **kwargs: object) -> NoReturn:
        """Refuse to run anything; the process room does."""
        raise TypeError(f"terraform {cmd} is run by platform_api.process")

    def init(self) -> tuple[str, ...]:
        """Install providers from our mirror; for templates only."""
        return self._build("init", input=False, no_color=IsFlagged)

    def plan(self, mode: PlanMode) -> tuple[str, ...]:
        """Plan into `PLAN`, with the values of `INPUTS`."""
        return self._build("plan", json=IsFlagged, input=False, out=PLAN, var_file=INPUTS, **_MODES[mode])

    def show(self) -> tuple[str, ...]:
        """Show `PLAN` as JSON."""
        return self._build("show", PLAN, json=IsFlagged, no_color=IsFlagged)

    def apply(self) -> tuple[str, ...]:
        """Apply exactly `PLAN`, be it for a destroy or not; a saved plan asks nobody."""
        return self._build("apply", PLAN, json=IsFlagged, input=False)

    def _build(self, command: str, *arguments: str, **options: object) -> tuple[str, ...]:
        if any(isinstance(value, dict) for value in options.values()):
            raise TypeError("the library would write a dict to a file of its own")
        return tuple(self.generate_cmd_string(command, *arguments, **options))


RUN_TAG = "SLIPWAY_RUN"
"""Variable that names the run in the environment of each of its processes, for whoever looks for what is left."""


def environment_build(
    folder: Path, *, configuration: Path, provider: Mapping[str, str], run_id: str | None = None
) -> dict[str, str]:
    """Build the whole environment of a Terraform command; nothing is inherited.

    Args:
        folder: The run's folder; also home and place of temporary files.
        configuration: Our own CLI configuration.
        provider: How the provider is found; see `platform_api.terraform.local`.
        run_id: The run that it is for; None: none.
    """
    return {
        "PATH": "/usr/bin:/bin",  # the launcher of the mirror is a shell script
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "TF_CLI_CONFIG_FILE": str(configuration),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",  # a quarter less CPU for a quarter more memory; measured with a large provider
        **provider,
        **({RUN_TAG: run_id} if run_id else {}),
    }
