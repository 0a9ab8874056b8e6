"""The reference: the same module by bare Terraform commands, as a script would run them."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import cpu_ms
from fleet_provider.address import CREDENTIALS_FILE_VARIABLE
from platform_api.core.credentials import password_make, scram_sha_256_verifier
from platform_api.embedded.folder import CHECKOUT, private_write
from platform_api.process.programs import terraform_find
from platform_api.terraform.cli import environment_build
from platform_api.terraform.spec import ProviderWay, Template
from platform_api.terraform.templates import template_build
from platform_api.terraform.toolchain import Toolchain, toolchain_make
from platform_api.terraform.zygote import Zygote

_PLAN = ("plan", "-input=false", "-out=plan.bin", "-var-file=inputs.tfvars.json")
_SHOW = ("show", "-json", "plan.bin")
_APPLY = ("apply", "-input=false", "plan.bin")
_DESTROY = ("destroy", "-auto-approve", "-input=false", "-var-file=inputs.tfvars.json")


@dataclass(frozen=True, kw_only=True)
class BareRun:
    """What one provision by bare commands took.

    Attributes:
        seconds: Wall time of the three commands; the provider's start is not in it.
        provider_ms: CPU time of the provider until the apply ended; 0 where Terraform launched it itself.
        terraform_ms: CPU time of Terraform, with providers that it launched.
    """

    seconds: float
    provider_ms: float
    terraform_ms: float


@dataclass(frozen=True, kw_only=True)
class Bare:
    """Bare Terraform with the same module, provider and server as the stack's."""

    base: Path
    toolchain: Toolchain
    template: Template
    zygote: Zygote
    credentials: Mapping[str, Mapping[str, str]]

    @contextmanager
    def provisioned(self, *, way: ProviderWay) -> Iterator[BareRun]:
        """Make a database, and take it down again at the end, which is not measured."""
        folder = Path(tempfile.mkdtemp(dir=self.base))
        try:
            with self._provisioned(folder, way) as run:
                yield run
        finally:
            shutil.rmtree(folder)

    def provision(self, *, way: ProviderWay) -> BareRun:
        """Make a database, and take it down at once."""
        with self.provisioned(way=way) as run:
            return run

    @contextmanager
    def _provisioned(self, folder: Path, way: ProviderWay) -> Iterator[BareRun]:
        shutil.copytree(self.template.folder, folder, symlinks=True, dirs_exist_ok=True)
        name = f"bare_{uuid.uuid4().hex}"
        inputs = {"name": name, "managed_by": name, "password_verifier": scram_sha_256_verifier(password_make())}
        private_write(folder / "inputs.tfvars.json", json.dumps(inputs))
        with ExitStack() as held:
            provider: Mapping[str, str] = {}
            fds: tuple[int, ...] = ()
            pid = 0
            if way is ProviderWay.LAUNCH:
                private_write(folder / "fleet.json", json.dumps(self.credentials))
                provider = {CREDENTIALS_FILE_VARIABLE: str(folder / "fleet.json")}
            else:
                handle = held.enter_context(self.zygote.provider_start(folder, self.credentials))
                provider, fds, pid = handle.environment, (handle.lifeline,), handle.pid
            environment = environment_build(folder, configuration=self.toolchain.configuration, provider=provider)
            before, began = _children_ms(), time.perf_counter()
            for command in (_PLAN, _SHOW, _APPLY):
                self._run(command, folder, environment, fds)
            seconds = time.perf_counter() - began
            yield BareRun(
                seconds=seconds,
                provider_ms=cpu_ms([pid], with_children=False) if pid else 0.0,
                terraform_ms=_children_ms() - before,
            )
            self._run(_DESTROY, folder, environment, fds)

    def _run(
        self, command: tuple[str, ...], folder: Path, environment: Mapping[str, str], fds: tuple[int, ...]
    ) -> None:
        answer = subprocess.run(
            (str(self.toolchain.program.path), *command),
            cwd=folder,
            env=environment,
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if answer.returncode != 0:
            msg = f"terraform {command[0]} failed:\n{answer.stderr.decode(errors='replace')}"
            raise RuntimeError(msg)


@contextmanager
def bare_make(*, fleet_url: str) -> Iterator[Bare]:
    """Get everything ready that is not measured: mirror, template, zygote.

    Args:
        fleet_url: Admin's address of the server that databases are made on; secret.
    """
    with tempfile.TemporaryDirectory(prefix="slb-") as folder:
        base = Path(folder)
        toolchain = toolchain_make(base / "toolchain", terraform_find())
        module = CHECKOUT / "terraform_modules" / "postgres-database"
        template = template_build(module, templates=base / "templates", toolchain=toolchain)
        zygote = Zygote()
        zygote.start()
        try:
            yield Bare(
                base=base,
                toolchain=toolchain,
                template=template,
                zygote=zygote,
                credentials={"postgres": {"url": fleet_url}},
            )
        finally:
            zygote.stop()


def _children_ms() -> float:
    times = os.times()
    return (times.children_user + times.children_system) * 1000
