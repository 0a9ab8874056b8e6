"""Which Terraform and which provider a worker runs, and the files that tell Terraform so."""

import hashlib
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fleet_provider.address import VERSION
from fleet_provider.mirror import cli_configuration_write, mirror_build
from platform_api.process.programs import Program
from platform_api.terraform.digests import tree_digest


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """Terraform, our CLI configuration, and the mirror that it names."""

    program: Program

    configuration: Path
    """What ``TF_CLI_CONFIG_FILE`` names: providers come from our mirror or not at all."""

    digest: str
    """Names the versions of all of it, and this platform: what a template depends on besides its module."""


def toolchain_make(folder: Path, program: Program) -> Toolchain:
    """Write mirror and CLI configuration, unless they are there; several workers may do so at once.

    Args:
        folder: Where they go, made when missing; on this host, and kept as long as templates are.
        program: Terraform, as `platform_api.process.programs.terraform_find` found it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        built = Path(temporary) / "mirror"
        mirror_build(built)
        provider = tree_digest(built).removeprefix("sha256:")[:16]
        mirror = folder / f"mirror-{provider}"
        folder_publish(built, mirror)
        configuration = folder / f"terraform-{provider}.rc"
        # A rename, so that no Terraform of another worker reads half a file.
        cli_configuration_write(Path(temporary) / "terraform.rc", mirror=mirror).replace(configuration)
    version = ".".join(map(str, program.version))
    names = (str(program.path.name), version, VERSION, provider, platform.system(), platform.machine())
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return Toolchain(program=program, configuration=configuration.absolute(), digest=f"sha256:{digest}")


def folder_publish(built: Path, target: Path) -> None:
    """Give a finished folder its name, whole; where another worker was faster, its folder stays.

    Args:
        built: On the same file system; gone afterwards.
        target: Its name from now on.
    """
    try:
        built.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(built)
