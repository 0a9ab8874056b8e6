"""See to it that a program is there: find it, or download its release if somebody agrees."""

import tempfile
from collections.abc import Callable, Mapping

from fleet_provider.mirror import platform_name
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.releases.fetching import DownloadError, archive_fetch
from platform_api.embedded.releases.pins import RELEASES, Release
from platform_api.embedded.releases.unpacking import program_unpack
from platform_api.process.programs import Program, ProgramMissingError, ProgramSearch, program_find

CONSENT_VARIABLE = "SLIPWAY_DOWNLOAD_TERRAFORM"
MIRROR_VARIABLE = "SLIPWAY_TERRAFORM_MIRROR"
_CONSENT = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def program_look(
    search: ProgramSearch,
    *,
    folder: StateFolder,
    environ: Mapping[str, str],
    releases: Mapping[ProgramSearch, Release] = RELEASES,
) -> Program:
    """Find a program where `program_find` does, else where its release was downloaded to.

    Args:
        search: What to look for.
        folder: The stack's folder; need not be there.
        environ: Where the program's variable and PATH are read from.
        releases: Which release a download was of.

    Raises:
        ProgramMissingError: It is nowhere.
    """
    spare = {}
    if release := releases.get(search):
        file = folder.programs / release.file
        spare[f"a download in {folder.programs}"] = file if file.exists() else None
    return program_find(search, environ, spare=spare)


def program_provide(
    search: ProgramSearch,
    *,
    folder: StateFolder,
    environ: Mapping[str, str],
    ask: Callable[[str], bool | None],
    say: Callable[[str], None],
    releases: Mapping[ProgramSearch, Release] = RELEASES,
) -> Program:
    """Find a program, or download its release once, if ``SLIPWAY_DOWNLOAD_TERRAFORM`` or a person says so.

    Where the program's variable is set it is believed, and nothing is downloaded. Several stacks may download into
    one folder at once.

    Args:
        search: What to look for.
        folder: The stack's folder; made if there is something to put into it.
        environ: Where variables are read from.
        ask: Asks a person; gives ``None`` where there is nobody to ask.
        say: Gets a line for each thing done.
        releases: What may be downloaded.

    Raises:
        ProgramMissingError: It is nowhere, and none may be downloaded; the text says how to allow it.
        DownloadError, ReleaseAlteredError, ArchiveError: It could not be had. Nothing is left behind.
        StateFolderError: There is no place for it.
    """
    try:
        return program_look(search, folder=folder, environ=environ, releases=releases)
    except ProgramMissingError as missing:
        release = releases.get(search)
        if release is None or environ.get(search.variable):
            raise
        _agree(release, missing, folder=folder, environ=environ, ask=ask)
        _download(release, folder=folder, environ=environ, say=say)
    return program_look(search, folder=folder, environ=environ, releases=releases)


def _agree(
    release: Release,
    missing: ProgramMissingError,
    *,
    folder: StateFolder,
    environ: Mapping[str, str],
    ask: Callable[[str], bool | None],
) -> None:
    """Return if the release may be downloaded.

    Raises:
        ProgramMissingError: It may not, nobody says whether it may, or there is none for this machine.
    """
    platform = platform_name()
    if platform not in release.checksums:
        raise ProgramMissingError(
            missing.detail,
            remedy=f"{missing.remedy} {release.title} could be downloaded for {', '.join(release.checksums)} only; "
            f"this machine is {platform}.",
        ) from missing
    offer = f"{release.title} ({release.license})"
    answer = _told(environ)
    if answer is None:
        answer = ask(f"{missing.detail}\nDownload {offer} from {_base(release, environ)} into {folder.programs}?")
    if answer is None:
        raise ProgramMissingError(
            missing.detail, remedy=f"{missing.remedy} Or have {offer} downloaded: set {CONSENT_VARIABLE}=1."
        ) from missing
    if not answer:
        raise missing


def _told(environ: Mapping[str, str]) -> bool | None:
    """Read what the variable says; ``None`` where it says nothing."""
    word = environ.get(CONSENT_VARIABLE, "").strip().lower()
    if not word:
        return None
    if word not in _CONSENT:
        raise DownloadError(
            f"{CONSENT_VARIABLE}={word} says neither yes nor no.", remedy="Set it to 1 or 0, or leave it out."
        )
    return _CONSENT[word]


def _base(release: Release, environ: Mapping[str, str]) -> str:
    return environ.get(MIRROR_VARIABLE) or release.base


def _download(release: Release, *, folder: StateFolder, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    folder.make()
    folder.programs.mkdir(mode=0o700, exist_ok=True)
    platform = platform_name()
    say(f"downloading {release.title}")
    try:
        # Without a name, so that even a killed download leaves nothing behind.
        with tempfile.TemporaryFile(dir=folder.programs) as archive:
            url = release.url(_base(release, environ), platform)
            archive_fetch(url, archive, checksum=release.checksums[platform], say=say)
            program_unpack(archive, member=release.member, target=folder.programs / release.file)
    except KeyboardInterrupt:
        raise DownloadError("The download was interrupted.", remedy="Nothing of it was kept.") from None
    say(f"{release.title} was checked, and is kept in {folder.programs}")
