"""A machine without Terraform, a release for it, and what is left after a download."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from fleet_provider.mirror import platform_name
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.releases.pins import TERRAFORM_RELEASE, Release
from platform_api.embedded.releases.providing import program_provide
from platform_api.process.programs import TERRAFORM, Program
from tests.integration.embedded.downloads.mirror import archive

SCRIPT = b"#!/bin/sh\necho Terraform v1.11.4\n"
SOUND = archive(("LICENSE.txt", b"..."), ("terraform", SCRIPT))


def nobody(question: str) -> bool | None:
    """Sit at no terminal."""


def release_of(packed: bytes) -> Release:
    return replace(TERRAFORM_RELEASE, checksums={platform_name(): hashlib.sha256(packed).hexdigest()})


def provide(
    folder: StateFolder,
    environ: dict[str, str],
    *,
    packed: bytes = SOUND,
    ask: Callable[[str], bool | None] = nobody,
    say: Callable[[str], None] = lambda _text: None,
) -> Program:
    releases = {TERRAFORM: release_of(packed)}
    return program_provide(TERRAFORM, folder=folder, environ=environ, ask=ask, say=say, releases=releases)


def left(folder: StateFolder) -> list[str]:
    return sorted(path.name for path in folder.programs.iterdir()) if folder.programs.exists() else []
