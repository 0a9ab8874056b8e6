"""Public keys of CI systems: fetched when they are needed, kept for ten minutes, and never fetched twice in one."""

import ssl
from collections.abc import Mapping
from threading import Lock
from time import monotonic
from typing import Any

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from platform_api.core.errors import UnauthenticatedError, UnavailableError
from platform_api.tenancy.models.identities import IssuerKind

KEYS_PATH: Mapping[IssuerKind, str] = {
    IssuerKind.GITHUB: "/.well-known/jwks",
    IssuerKind.GITLAB: "/oauth/discovery/keys",
}
"""Where each system publishes its keys, below its issuer's address; known, so that no document has to be believed."""

KEPT_SECONDS = 600.0
FLOOR_SECONDS = 60.0
"""Between two fetches of one issuer's keys by one process, whatever tokens come: made-up key ids cost nothing more."""

STEP_SECONDS = 2.0
FETCH_SECONDS = 5.0
MAX_BYTES = 128 * 1024
MAX_KEYS = 50
MIN_RSA_BITS = 2048


class IdentityTokenError(UnauthenticatedError):
    """A token that no CI system has made for this installation, or not for now, or that was used already."""

    code = "oidc_token_invalid"
    title = "The identity token is not valid"
    remedy = "Have the job ask for a new token for the audience of this installation, and use it once, at once."


class IssuerKeysError(UnavailableError):
    """A CI system does not give its keys, so that nothing can be said about its tokens."""

    code = "oidc_keys_unavailable"
    title = "The keys of the CI system cannot be had right now"
    remedy = "Try again as Retry-After says; if it stays, tell the platform team."

    def __init__(self, detail: str = "", *, wait_seconds: float = FLOOR_SECONDS) -> None:
        super().__init__(detail, retry_after_seconds=max(1, round(wait_seconds)))


class KeyRing:
    """The keys of one issuer, as this process knows them."""

    def __init__(self, *, url: str, kind: IssuerKind) -> None:
        self._address = url.rstrip("/") + KEYS_PATH[kind]
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = Lock()

    def key(self, kid: str) -> jwt.PyJWK:
        """Return a key by its id, fetching where it is not known; others wait meanwhile, some seconds at most.

        Raises:
            IdentityTokenError: The issuer has no such key.
            IssuerKeysError: Its keys are not known and cannot be had.
        """
        found = self._known(kid)
        if found is not None:
            return found
        with self._fetching:
            found = self._known(kid)
            if found is None and monotonic() - self._tried_at >= FLOOR_SECONDS:
                self._tried_at = monotonic()
                self._keys = _usable(_fetch(self._address))
                self._fetched_at = monotonic()
                found = self._known(kid)
        if found is not None:
            return found
        if not self._is_fresh():
            raise IssuerKeysError(wait_seconds=FLOOR_SECONDS - (monotonic() - self._tried_at))
        raise IdentityTokenError("It is signed with a key that its issuer does not publish.")

    def _is_fresh(self) -> bool:
        return monotonic() - self._fetched_at < KEPT_SECONDS

    def _known(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid) if self._is_fresh() else None


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _fetch(address: str) -> list[dict[str, Any]]:
    """Return the published keys; bounded in time and size, over no proxy, following nobody elsewhere."""
    body, began = bytearray(), monotonic()
    try:
        with (
            httpx.Client(
                trust_env=False,
                follow_redirects=False,
                timeout=STEP_SECONDS,
                verify=ssl.create_default_context(),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as client,
            client.stream("GET", address) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                msg = f"It answered {answer.status_code} where its keys should be."
                raise IssuerKeysError(msg)
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > MAX_BYTES or monotonic() - began > FETCH_SECONDS:
                    raise IssuerKeysError("Its keys are too long, or come too slowly.")
        return msgspec.json.decode(bytes(body), type=_KeySet).keys[:MAX_KEYS]
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        raise IssuerKeysError from error


def _usable(published: list[dict[str, Any]]) -> dict[str, jwt.PyJWK]:
    """Return the keys that sign what we take, by id; the algorithm is the key's, never a token's to choose."""
    usable: dict[str, jwt.PyJWK] = {}
    for each in published:
        kid, is_for_signatures = each.get("kid"), each.get("use", "sig") == "sig"
        if isinstance(kid, str) and is_for_signatures and (key := _key(each)) is not None:
            usable.setdefault(kid, key)
    return usable


def _key(published: dict[str, Any]) -> jwt.PyJWK | None:
    members, algorithm = {
        "RSA": (("kty", "n", "e"), "RS256"),
        "EC": (("kty", "crv", "x", "y"), "ES256"),
    }.get(str(published.get("kty")), ((), ""))
    if not members or published.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK({name: published[name] for name in members}, algorithm=algorithm)
    except (jwt.PyJWTError, KeyError, ValueError, TypeError):
        return None
    match key.key:
        case RSAPublicKey(key_size=bits) if bits >= MIN_RSA_BITS:
            return key
        case EllipticCurvePublicKey(curve=SECP256R1()):
            return key
        case _:
            return None
