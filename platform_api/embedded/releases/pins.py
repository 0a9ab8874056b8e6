"""Releases that may be downloaded: which version, under which names, with which checksums. All of it data."""

from collections.abc import Mapping
from dataclasses import dataclass

from platform_api.process.programs import TERRAFORM, ProgramSearch


@dataclass(frozen=True, kw_only=True)
class Release:
    """One version of one program, as its maker publishes it: a zip archive for each platform."""

    # What it is a release of; the search that it can answer.
    search: ProgramSearch
    # What a person calls it, with its version.
    title: str
    # What its user agrees to, in a few words.
    license: str
    # The program's name in the archive.
    member: str
    # What its file is called here; of each version another, so that one that runs is never taken away.
    file: str
    # Where the maker keeps all versions; SLIPWAY_TERRAFORM_MIRROR names a copy.
    base: str
    # An archive's path below the base; ``{platform}`` stands for a key of the checksums.
    path: str
    # SHA-256 of each archive. A platform that is not here cannot be downloaded for.
    checksums: Mapping[str, str]

    def url(self, base: str, platform: str) -> str:
        """Say where the archive of a platform is.

        Args:
            base: The maker's address, or that of a mirror.
            platform: A key of ``checksums``.
        """
        return f"{base.rstrip('/')}/{self.path.format(platform=platform)}"


# The version that the tests run with. The checksums are the maker's, as its formula for Homebrew tells them; that of
# linux_amd64 was also computed from the release's own files, packed anew as the maker packs them.
TERRAFORM_RELEASE = Release(
    search=TERRAFORM,
    title="Terraform 1.11.4",
    license="Business Source License 1.1: free to use, but not to compete with its maker",
    member="terraform",
    file="terraform-1.11.4",
    base="https://releases.hashicorp.com/terraform",
    path="1.11.4/terraform_1.11.4_{platform}.zip",
    checksums={
        "darwin_amd64": "a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b",
        "darwin_arm64": "867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18",
        "linux_amd64": "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc",
        "linux_arm64": "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633",
    },
)

RELEASES: Mapping[ProgramSearch, Release] = {release.search: release for release in (TERRAFORM_RELEASE,)}
"""Which release may be downloaded where a program is missing."""
