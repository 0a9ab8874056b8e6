"""Make the provider known to Terraform: a mirror with a launcher, and a CLI configuration of our own.

    python -m fleet_provider.mirror FOLDER

writes both below FOLDER and prints the variable to set. The mirror's launcher runs this checkout with this
interpreter, so a lock file's hash covers the launcher and not the code behind it.
"""

import json
import platform
import shlex
import sys
from pathlib import Path

from fleet_provider.address import SOURCE, VERSION
from fleet_provider.launcher import launch_command

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def platform_name() -> str:
    """Name this machine's platform as releases of Terraform and of providers do: ``linux_amd64``."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_ARCHITECTURES.get(machine, machine)}"


def mirror_build(folder: Path) -> Path:
    """Write the mirror for this machine's platform.

    Args:
        folder: Where the mirror goes; made when missing. Owner and nobody else should be able to write to it,
            for Terraform runs what lies there.

    Returns:
        The launcher.
    """
    launcher = folder / SOURCE / VERSION / platform_name() / f"terraform-provider-fleet_v{VERSION}"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    # A shell script, because a "#!" line must be short and must not hold a space; exec keeps the process id.
    launcher.write_text(f"#!/bin/sh\nexec {shlex.join(launch_command('launched()'))}\n", encoding="utf-8")
    launcher.chmod(0o755)
    return launcher


def cli_configuration_write(path: Path, *, mirror: Path) -> Path:
    """Write the file that ``TF_CLI_CONFIG_FILE`` always names, so that no file of the user's has a say.

    Args:
        path: The file to write.
        mirror: The mirror's folder; providers are installed from there or not at all.

    Returns:
        ``path``.
    """
    path.write_text(
        f"""disable_checkpoint = true

provider_installation {{
  filesystem_mirror {{
    path    = {json.dumps(str(mirror.resolve()))}
    include = [{json.dumps(SOURCE)}]
  }}
  direct {{
    exclude = ["*/*/*"]
  }}
}}
""",
        encoding="utf-8",
    )
    return path


def main(arguments: list[str]) -> int:
    """Write both below the one folder given; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m fleet_provider.mirror FOLDER\n")
        return 2
    folder = Path(arguments[0])
    mirror_build(folder / "mirror")
    configuration = cli_configuration_write(folder / "terraform.rc", mirror=folder / "mirror")
    sys.stdout.write(f"export TF_CLI_CONFIG_FILE={shlex.quote(str(configuration.resolve()))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
