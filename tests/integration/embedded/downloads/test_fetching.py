"""Terraform is downloaded: what becomes of it, and of a download that goes wrong."""

import hashlib
import socket
import stat
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet_provider.mirror import platform_name
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.releases import fetching
from platform_api.embedded.releases.fetching import DownloadError, ReleaseAlteredError
from platform_api.embedded.releases.pins import TERRAFORM_RELEASE
from platform_api.embedded.releases.providing import program_look
from platform_api.embedded.releases.unpacking import ArchiveError
from platform_api.process.programs import TERRAFORM, Program, terraform_find
from platform_api.terraform.templates import template_build
from platform_api.terraform.toolchain import toolchain_make
from tests.integration.embedded.downloads.machine import SCRIPT, SOUND, left, provide
from tests.integration.embedded.downloads.mirror import Mirror, archive, body, mirror_running, status


def test_what_is_missing_is_downloaded_once_and_found_afterwards(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror
) -> None:
    mirror.answer = body(SOUND)
    said: list[str] = []

    first = provide(folder, environ, say=said.append)
    second = provide(folder, environ)

    assert first == second == Program(path=folder.programs / "terraform-1.11.4", version=(1, 11, 4))
    assert mirror.asked == [f"/releases/1.11.4/terraform_1.11.4_{platform_name()}.zip"]
    assert first.path.read_bytes() == SCRIPT
    assert stat.S_IMODE(first.path.stat().st_mode) == stat.S_IMODE(folder.programs.stat().st_mode) == 0o700
    assert left(folder) == ["terraform-1.11.4"]
    assert said[0] == "downloading Terraform 1.11.4"
    assert any(line.startswith("100 % of") for line in said)


def test_the_downloaded_terraform_serves_the_toolchain_when_the_place_is_gone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    packed = archive(("terraform", terraform_find().path.read_bytes()))
    with mirror_running() as mirror:
        mirror.answer = body(packed)
        environ = {"PATH": "", "SLIPWAY_DOWNLOAD_TERRAFORM": "yes", "SLIPWAY_TERRAFORM_MIRROR": mirror.url}
        provide(folder, environ, packed=packed)
    module = tmp_path / "module"
    module.mkdir()
    (module / "main.tf").write_text('resource "terraform_data" "a" {}\n')

    found = program_look(TERRAFORM, folder=folder, environ={"PATH": ""})
    toolchain = toolchain_make(tmp_path / "toolchain", found)
    template = template_build(module, templates=tmp_path / "templates", toolchain=toolchain)

    assert found.path.parent == folder.programs
    assert (template.folder / "main.tf").exists()


def test_stacks_that_download_at_once_do_not_harm_one_another(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror
) -> None:
    mirror.answer = body(SOUND)
    with ThreadPoolExecutor(6) as pool:
        found = [one.result() for one in [pool.submit(provide, folder, environ) for _ in range(6)]]
    assert {program.version for program in found} == {(1, 11, 4)}
    assert left(folder) == ["terraform-1.11.4"]


def test_a_terraform_on_path_is_preferred_and_nothing_is_downloaded(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror, tmp_path: Path
) -> None:
    mirror.answer = body(SOUND)
    provide(folder, environ)
    own = tmp_path / "empty" / "tofu"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\necho OpenTofu v1.12.0\n")
    own.chmod(0o755)
    assert provide(folder, environ) == Program(path=own, version=(1, 12, 0))


def cut_off(mirror: Mirror) -> None:
    mirror.answer = body(SOUND[:-50], announced=len(SOUND))


def answered(number: int) -> Callable[[Mirror], None]:
    def prepare(mirror: Mirror) -> None:
        mirror.answer = status(number)

    return prepare


def sent_on_without_tls(mirror: Mirror) -> None:
    mirror.answer = status(302, Location="http://127.0.0.1:9/elsewhere")


def announced_too_large(mirror: Mirror) -> None:
    mirror.answer = body(SOUND, announced=fetching.LIMIT_BYTES + 1)


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (cut_off, "could not be downloaded: "),
        (answered(404), "was answered with 404 Not Found"),
        (answered(503), "was answered with 503"),
        (sent_on_without_tls, "redirects to http://127.0.0.1:9/elsewhere, which is not https"),
        (announced_too_large, "is larger than 128 MiB"),
    ],
)
def test_a_download_that_fails_says_from_where_and_why_and_leaves_nothing(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror, prepare: Callable[[Mirror], None], told: str
) -> None:
    prepare(mirror)
    with pytest.raises(DownloadError) as failure:
        provide(folder, environ)
    assert failure.value.detail.startswith(f"{mirror.url}/1.11.4/terraform_1.11.4_")
    assert told in failure.value.detail
    assert "SLIPWAY_TERRAFORM_MIRROR" in failure.value.remedy
    assert left(folder) == []


def test_a_body_that_never_ends_is_cut_off(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "LIMIT_BYTES", 1024**2)
    mirror.answer = body(b"\0" * (2 * 1024**2))
    with pytest.raises(DownloadError, match="is larger than 1 MiB"):
        provide(folder, environ)
    assert left(folder) == []


def test_a_place_that_nobody_serves_is_told(folder: StateFolder, environ: dict[str, str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and never listened on: refused at once
        place = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(DownloadError, match=f"{place}/1.11.4/.* could not be downloaded"):
            provide(folder, environ | {"SLIPWAY_TERRAFORM_MIRROR": place})
    assert left(folder) == []


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/releases", "releases", "http://127.0.0.1:port"])
def test_an_address_of_no_use_is_told(folder: StateFolder, environ: dict[str, str], place: str) -> None:
    with pytest.raises(DownloadError):
        provide(folder, environ | {"SLIPWAY_TERRAFORM_MIRROR": place})
    assert left(folder) == []


def test_what_is_not_the_release_is_thrown_away_unopened(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror
) -> None:
    mirror.answer = body(archive(("terraform", b"#!/bin/sh\ntouch harm\n")))
    with pytest.raises(ReleaseAlteredError, match=f"instead of {hashlib.sha256(SOUND).hexdigest()}"):
        provide(folder, environ)
    assert left(folder) == []


def test_a_password_of_the_place_is_never_shown(folder: StateFolder, environ: dict[str, str], mirror: Mirror) -> None:
    place = mirror.url.replace("//", "//reader:s3cret@")
    with pytest.raises(DownloadError) as failure:
        provide(folder, environ | {"SLIPWAY_TERRAFORM_MIRROR": place})
    assert "404" in failure.value.detail
    assert "s3cret" not in failure.value.detail + repr(failure.value) + str(failure.value.__cause__)


def member(name: str, *, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


def doubled() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the packer doubts that two of a name are meant
        return archive(("terraform", SCRIPT), ("terraform", b"another"))


def damaged() -> bytes:
    plain = zipfile.ZipInfo("terraform")
    packed = archive((plain, SCRIPT))
    return packed.replace(SCRIPT, SCRIPT.upper())


def encrypted() -> bytes:
    packed = bytearray(archive((zipfile.ZipInfo("terraform"), SCRIPT)))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the flags of both headers of a member
        packed[packed.index(signature) + offset] |= 1
    return bytes(packed)


def enormous() -> bytes:
    packed = bytearray(archive((zipfile.ZipInfo("terraform"), SCRIPT)))
    at = packed.index(b"PK\1\2") + 24  # the size that a member claims
    packed[at : at + 4] = (0xF0000000).to_bytes(4, "little")
    return bytes(packed)


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (b"no archive at all", "cannot be unpacked"),
        (archive(("README", b"...")), "has 0 members named terraform"),
        (archive(("../terraform", SCRIPT), ("/terraform", SCRIPT)), "has 0 members named terraform"),
        (doubled(), "has 2 members named terraform"),
        (archive((member("terraform", kind=stat.S_IFLNK), b"/bin/sh")), "is not a plain file"),
        (archive((member("terraform", kind=stat.S_IFIFO), b"")), "is not a plain file"),
        (damaged(), "Bad CRC-32"),
        (encrypted(), "encrypted"),
        (enormous(), "is larger than 512 MiB"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_is_refused_and_leaves_nothing(
    folder: StateFolder, environ: dict[str, str], mirror: Mirror, packed: bytes, told: str
) -> None:
    mirror.answer = body(packed)
    with pytest.raises(ArchiveError) as refusal:
        provide(folder, environ, packed=packed)
    assert told in refusal.value.detail
    assert left(folder) == []
    assert not (folder.path / "terraform").exists()


def test_nothing_but_the_program_is_written(folder: StateFolder, environ: dict[str, str], mirror: Mirror) -> None:
    packed = archive(("../escaped", b"harm"), ("/escaped", b"harm"), ("terraform", SCRIPT))
    mirror.answer = body(packed)
    provide(folder, environ, packed=packed)
    assert left(folder) == ["terraform-1.11.4"]
    assert not (folder.path / "escaped").exists()


def test_every_checksum_is_a_sha_256_and_no_two_are_equal() -> None:
    checksums = TERRAFORM_RELEASE.checksums
    assert {len(bytes.fromhex(checksum)) for checksum in checksums.values()} == {32}
    assert len(set(checksums.values())) == len(checksums)
