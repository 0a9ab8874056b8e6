"""Modules made ready once, so that no run needs ``terraform init``."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from platform_api.core.errors import FaultError
from platform_api.process.commands import Command
from platform_api.process.ladders import TERMINATE_LADDER
from platform_api.process.runner import run
from platform_api.terraform.cli import CommandLine, environment_build
from platform_api.terraform.digests import tree_digest
from platform_api.terraform.spec import Template
from platform_api.terraform.toolchain import Toolchain, folder_publish

INIT_SECONDS = 120.0
"""Deadline of ``terraform init``; it takes 0.04 s with our provider and 1.5 s with a large one."""

_LEFT_OUT = frozenset({"tests", "examples"})  # of the module's own folder; Terraform would read neither
_SAID_LINES = 20


class TemplateUnfitError(FaultError):
    """A module cannot be made ready; the text quotes Terraform."""

    code = "template_unfit"
    title = "A module could not be made ready for runs"
    remedy = "Correct the module and publish a new version of its offering."


class TemplateDamagedError(FaultError):
    """A template is not what it was when it was made; it is not used."""

    code = "template_damaged"
    title = "A prepared module was changed"
    remedy = "Find out who changed it; then remove its folder, and it is made anew."


def template_build(module: Path, *, templates: Path, toolchain: Toolchain) -> Template:
    """Make a module ready for runs, or find it made.

    A template's folder is named by module, Terraform, provider and platform, and the folder within by its own
    content, so that it can be verified without a word from elsewhere. It appears whole, by a rename; several workers
    may build the same one at once.

    Args:
        module: The module's folder. ``tests``, ``examples`` and hidden files are left out.
        templates: Where templates are kept on this host; made when missing. It is the workers' own: whoever may
            write to it decides what runs.
        toolchain: What it is made ready with.

    Raises:
        TemplateDamagedError: There is one, and it was changed since.
        TemplateUnfitError: ``terraform init`` refuses the module, or it holds links.
        ProgramStartError: Terraform could not be started.
    """
    templates.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=templates, prefix=".building-") as temporary:
        folder = Path(temporary) / "template" / "module"
        _module_copy(module, folder)
        target = templates / _key(tree_digest(folder), toolchain.digest)
        if not target.exists():
            _initialize(folder, toolchain, scratch=Path(temporary))
            digest = tree_digest(folder)
            folder.rename(folder.with_name(digest.removeprefix("sha256:")))
            folder_publish(folder.parent, target)
    return _verified(target)


def _module_copy(module: Path, folder: Path) -> None:
    folder.parent.mkdir(mode=0o700)
    folder.mkdir(mode=0o700)
    for parent, folders, files in os.walk(module):
        is_top = Path(parent) == module
        folders[:] = [name for name in folders if not name.startswith(".") and not (is_top and name in _LEFT_OUT)]
        for name in (*folders, *files):
            source = Path(parent) / name
            target = folder / source.relative_to(module)
            if source.is_symlink():
                raise TemplateUnfitError(f"{source.relative_to(module)} is a link; a module holds plain files.")
            if source.is_dir():
                target.mkdir(mode=0o700)
            elif not name.startswith("."):
                shutil.copyfile(source, target)


def _initialize(folder: Path, toolchain: Toolchain, *, scratch: Path) -> None:
    output = scratch / "init.log"
    command = Command(
        argv=CommandLine(toolchain.program.path).init(),
        cwd=folder,
        environment=environment_build(scratch, configuration=toolchain.configuration, provider={}),
        output=output,
    )
    outcome = run(command, deadline_seconds=INIT_SECONDS, ladder=TERMINATE_LADDER)
    if not outcome.is_success:
        said = output.read_text(encoding="utf-8", errors="replace").splitlines()[-_SAID_LINES:]
        words = "\n".join(line for line in said if line.strip())
        raise TemplateUnfitError(f"terraform init ended with {outcome.ending} ({outcome.return_code}):\n{words}")


def _key(*names: str) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]


def _verified(target: Path) -> Template:
    folders = list(target.iterdir())
    if len(folders) == 1 and tree_digest(folders[0]) == f"sha256:{folders[0].name}":
        return Template(folder=folders[0].absolute(), digest=f"sha256:{folders[0].name}")
    raise TemplateDamagedError(f"{target} does not hold what it was made of.")
