"""Keys of CI systems: how often they are fetched, and from whom nothing is taken."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from platform_api.tenancy.models.identities import CiIdentity
from platform_api.tenancy.services.oidc import keys, verifying
from platform_api.tenancy.services.oidc.keys import FLOOR_SECONDS, KEPT_SECONDS, IdentityTokenError, IssuerKeysError
from tests.integration.tenancy.issuer import Issuer, published


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(keys, "monotonic", made)
    return made


@pytest.fixture(autouse=True)
def _forgetting() -> Iterator[None]:
    """Leave no keys behind that were fetched by a clock of the future."""
    yield
    verifying._ring.cache_clear()


def verify(issuer: Issuer, **header: Any) -> CiIdentity:
    return verifying.identity_verify(presented=issuer.sign(issuer.claims(), **header))


def test_a_storm_of_unknown_key_ids_costs_one_fetch_a_minute(fresh: Issuer, clock: Clock) -> None:
    for number in range(200):
        with pytest.raises(IdentityTokenError):
            verify(fresh, kid=f"made-up-{number}")
    assert fresh.fetches == 1
    assert verify(fresh).repository == "shop/orders"
    clock.ahead = FLOOR_SECONDS
    for number in range(200):
        with pytest.raises(IdentityTokenError):
            verify(fresh, kid=f"made-up-{number}")
    assert fresh.fetches == 2


def test_keys_are_kept_for_ten_minutes(fresh: Issuer, clock: Clock) -> None:
    for ahead in (0.0, KEPT_SECONDS / 2, KEPT_SECONDS - 5):
        clock.ahead = ahead
        verify(fresh)
    assert fresh.fetches == 1
    clock.ahead = KEPT_SECONDS + 5
    verify(fresh)
    assert fresh.fetches == 2


def test_a_new_key_is_found_and_an_old_one_forgotten(fresh: Issuer, clock: Clock) -> None:
    verify(fresh)
    old, fresh.ec_key = fresh.ec_key, ec.generate_private_key(ec.SECP256R1())
    clock.ahead = FLOOR_SECONDS
    with pytest.raises(IdentityTokenError, match="does not publish"):
        verify(fresh, kid="rotated")  # what has this fetched
    verifying.identity_verify(presented=fresh.sign(fresh.claims(), algorithm="ES256"))
    fresh.ec_key = old
    with pytest.raises(IdentityTokenError, match="signature"):
        verifying.identity_verify(presented=fresh.sign(fresh.claims(), algorithm="ES256"))


def _redirect(request: BaseHTTPRequestHandler) -> None:
    request.send_response(302)
    request.send_header("Location", "/gitlab/oauth/discovery/keys")
    request.send_header("Content-Length", "0")
    request.end_headers()


def _fail(request: BaseHTTPRequestHandler) -> None:
    request.send_error(500)


def _much(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(10_000):
            request.wfile.write(b" " * 65_536)
    except OSError:
        pass  # nobody listens any more: what the test is about


def _nonsense(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b"<html>")


def _list(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(b'{"keys": [1]}')


@pytest.mark.parametrize("answer", [_redirect, _fail, _much, _nonsense, _list])
def test_an_issuer_that_does_not_give_its_keys_is_asked_again_after_a_minute(
    fresh: Issuer, clock: Clock, answer: Any
) -> None:
    fresh.answer = answer
    for _ in range(5):
        with pytest.raises(IssuerKeysError) as caught:
            verify(fresh)
        assert 0 < caught.value.extras["retry_after_seconds"] <= FLOOR_SECONDS
    assert fresh.fetches == 1
    fresh.answer, clock.ahead = None, FLOOR_SECONDS
    verify(fresh)


def test_keys_that_come_too_slowly_are_not_waited_for(fresh: Issuer, clock: Clock) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b'{"keys": ')
        clock.ahead += keys.FETCH_SECONDS  # as if each piece came at its last moment
        request.wfile.write(b"[")

    fresh.answer = drip
    with pytest.raises(IssuerKeysError, match="too slowly"):
        verify(fresh)


def test_keys_that_are_no_longer_known_are_not_used_while_their_issuer_is_away(fresh: Issuer, clock: Clock) -> None:
    verify(fresh)
    fresh.answer, clock.ahead = _fail, KEPT_SECONDS
    with pytest.raises(IssuerKeysError):
        verify(fresh)


def test_keys_that_are_not_for_our_signatures_are_left_alone(fresh: Issuer) -> None:
    weak, curve = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())  # noqa: S505 - the point
    fresh.also = [
        {**published(weak, "weak")},
        {**published(fresh.rsa_key, "encrypts"), "use": "enc"},
        {**published(fresh.rsa_key, "other"), "alg": "RS512"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"},
        {**published(curve, "curve")},
        {"kty": "RSA", "kid": "half", "n": "AQAB"},
        {"kty": "RSA", "kid": "wrong", "n": 5, "e": "AQAB"},
        {**published(weak, "rsa")},
    ]
    for kid in ("weak", "encrypts", "other", "secret", "curve", "half", "wrong"):
        with pytest.raises(IdentityTokenError, match="does not publish"):
            verify(fresh, kid=kid)
    verify(fresh)  # the first of an id counts
