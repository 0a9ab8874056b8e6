"""Bring an archive here over HTTP: whole, within bounds, and with the checksum that was asked for."""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

import httpx

from platform_api.core.errors import UnavailableError

LIMIT_BYTES = 128 * 1024**2
"""Several times the archive of any release; that of Terraform 1.11.4 has 28 MB."""

_DEADLINE_SECONDS = 900  # 28 MB at a quarter of a megabit a second
_TIMEOUT = httpx.Timeout(30, connect=10)
_MOST_REDIRECTS = 5
_QUARTERS = 4


class DownloadError(UnavailableError):
    """The archive did not arrive whole; the text says from where, and why. Nothing of it is kept."""

    code = "download_failed"
    title = "A program could not be downloaded"
    remedy = (
        "Try again later, name another place to download from with SLIPWAY_TERRAFORM_MIRROR, or install Terraform or "
        "OpenTofu yourself."
    )


class ReleaseAlteredError(UnavailableError):
    """What arrived is not what was released. It was thrown away unopened."""

    code = "release_altered"
    title = "A download is not what was released"
    remedy = (
        "Tell whoever keeps the place that it came from. Name another one with SLIPWAY_TERRAFORM_MIRROR, or install "
        "Terraform or OpenTofu yourself."
    )


def archive_fetch(
    url: str,
    target: BinaryIO,
    *,
    checksum: str,
    say: Callable[[str], None],
    transport: httpx.BaseTransport | None = None,
) -> None:
    """Write an archive into an open file, and prove that it is the one that was asked for.

    Proxies and certificates are those of the environment. A redirect is followed to https alone.

    Args:
        url: Where it is; a user and a password in it are not shown.
        target: Empty, open for writing.
        checksum: SHA-256 in hexadecimal.
        say: Gets a line for each quarter that arrived, where the server tells how much there is.
        transport: Another way to reach servers, for tests.

    Raises:
        DownloadError: It did not arrive whole.
        ReleaseAlteredError: It arrived, and is not the one that was asked for.
    """
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise DownloadError(f"What should be downloaded has no sound address: {error}.") from error
    shown = _shown(address)
    digest = hashlib.sha256()

    def guard(request: httpx.Request) -> None:
        if request.url != address and request.url.scheme != "https":
            raise DownloadError(f"{shown} redirects to {_shown(request.url)}, which is not https.")

    try:
        with (
            httpx.Client(
                timeout=_TIMEOUT,
                follow_redirects=True,
                max_redirects=_MOST_REDIRECTS,
                event_hooks={"request": [guard]},
                transport=transport,
            ) as client,
            client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise DownloadError(f"{shown} was answered with {response.status_code} {response.reason_phrase}.")
            for chunk in _chunks(response, shown, say):
                target.write(chunk)
                digest.update(chunk)
    except httpx.HTTPError as error:
        raise DownloadError(f"{shown} could not be downloaded: {str(error) or type(error).__name__}.") from error
    if digest.hexdigest() != checksum:
        raise ReleaseAlteredError(f"{shown} has the SHA-256 {digest.hexdigest()} instead of {checksum}.")


def _chunks(response: httpx.Response, shown: str, say: Callable[[str], None]) -> Iterator[bytes]:
    """Give the body as it comes, say how far it is, and stop at the bounds of size and time."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    length = response.headers.get("content-length", "")
    total = int(length) if length.isdecimal() else 0
    too_large = DownloadError(f"{shown} is larger than {LIMIT_BYTES // 1024**2} MiB; no release is.")
    if total > LIMIT_BYTES:
        raise too_large
    received = told = 0
    for chunk in response.iter_raw():
        received += len(chunk)
        if received > LIMIT_BYTES:
            raise too_large
        if time.monotonic() >= deadline:
            raise DownloadError(f"{shown} did not arrive within {_DEADLINE_SECONDS} s.")
        yield chunk
        quarter = received * _QUARTERS // total if total else 0
        if quarter > told:
            told = quarter
            say(f"{quarter * 100 // _QUARTERS} % of {total / 1e6:.0f} MB")


def _shown(address: httpx.URL) -> str:
    """Leave user and password out of an address, and whatever signs it."""
    return str(address.copy_with(userinfo=b"", query=None))
