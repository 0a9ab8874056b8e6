"""Tokens of CI jobs that are not genuine: what is wrong with each, in a case of its own."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.tenancy.models import TrustRule
from tests.integration.tenancy.issuer import Issuer, encoded, public_pem, published
from tests.integration.tenancy.jobs import OTHERS_KEY, exchange, refused


def _raw(header: dict[str, Any], claims: Any, signature: bytes = b"x") -> str:
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return ".".join((encoded(json.dumps(header).encode()), encoded(payload), encoded(signature)))


def _by_hmac(issuer: Issuer, secret: bytes, algorithm: str = "HS256") -> str:
    head, body, _ = _raw({"alg": algorithm, "kid": "rsa"}, issuer.claims()).split(".")
    signature = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{encoded(signature)}"


def _tampered(issuer: Issuer) -> str:
    head, _, signature = issuer.sign(issuer.claims()).split(".")
    return f"{head}.{encoded(json.dumps(issuer.claims(actor='root')).encode())}.{signature}"


def _later(seconds: int) -> int:
    return int(clock.now().timestamp()) + seconds


def _signed_bytes(issuer: Issuer, payload: bytes) -> str:
    return jwt.PyJWS().encode(payload, issuer.rsa_key, algorithm="RS256", headers={"kid": "rsa"})


def _changed(**claims: Any) -> Callable[[Issuer], object]:
    return lambda issuer: issuer.sign(issuer.claims(**claims))


INVALID: dict[str, Callable[[Issuer], object]] = {
    "algorithm none": lambda i: _raw({"alg": "none", "kid": "rsa"}, i.claims()),
    "algorithm none without signature": lambda i: _raw({"alg": "none", "kid": "rsa"}, i.claims(), b""),
    "algorithm None in capitals": lambda i: _raw({"alg": "NONE", "kid": "rsa"}, i.claims()),
    "HS256 with the public key": lambda i: _by_hmac(i, public_pem(i.rsa_key)),
    "HS256 with the public key, said to be RS256": lambda i: _by_hmac(i, public_pem(i.rsa_key), "RS256"),
    "HS256 with the modulus": lambda i: _by_hmac(i, published(i.rsa_key, "rsa")["n"].encode()),
    "RS512": lambda i: jwt.encode(i.claims(), i.rsa_key, algorithm="RS512", headers={"kid": "rsa"}),
    "PS256": lambda i: jwt.encode(i.claims(), i.rsa_key, algorithm="PS256", headers={"kid": "rsa"}),
    "ES256 with the id of an RSA key": lambda i: i.sign(i.claims(), algorithm="ES256", kid="rsa"),
    "another's key under a known id": lambda i: jwt.encode(i.claims(), OTHERS_KEY, "RS256", {"kid": "rsa"}),
    "another's key under an unknown id": lambda i: jwt.encode(i.claims(), OTHERS_KEY, "RS256", {"kid": "new"}),
    "another's key in its own header": lambda i: jwt.encode(
        i.claims(), OTHERS_KEY, "RS256", {"kid": "rsa", "jwk": published(OTHERS_KEY, "rsa")}
    ),
    "another's key at its own address": lambda i: jwt.encode(
        i.claims(), OTHERS_KEY, "RS256", {"kid": "mine", "jku": "http://127.0.0.1:1/keys"}
    ),
    "no key id": lambda i: jwt.encode(i.claims(), i.rsa_key, algorithm="RS256"),
    "a key id that is a number": lambda i: _raw({"alg": "RS256", "kid": 5}, i.claims()),
    "an extension that must be known": lambda i: i.sign(i.claims(), crit=["exp"]),
    "a payload that is not in the token": lambda i: i.sign(i.claims(), b64=False),
    "changed claims": _tampered,
    "no signature": lambda i: i.sign(i.claims()).rpartition(".")[0] + ".",
    "half a signature": lambda i: i.sign(i.claims())[:-100],
    "two parts": lambda i: i.sign(i.claims()).rpartition(".")[0],
    "five parts": lambda _: "a.b.c.d.e",
    "not base 64": lambda i: "§" + i.sign(i.claims()),
    "one of our own tokens": lambda _: "slw_pat_" + "A" * 49,
    "a claims list": lambda i: _signed_bytes(i, b"[]"),
    "nested without end": lambda i: _signed_bytes(i, b'{"a":' + b"[" * 5_000),
    "another audience": _changed(aud="https://github.com/shop"),
    "another audience besides": _changed(aud=["slipway.test", "elsewhere"]),
    "no audience": _changed(aud=None),
    "an empty list of audiences": _changed(aud=[]),
    "expired": lambda i: i.sign(i.claims(exp=_later(-61), iat=_later(-600), nbf=_later(-600))),
    "not in force yet": lambda i: i.sign(i.claims(nbf=_later(120))),
    "issued in the future": lambda i: i.sign(i.claims(iat=_later(120), exp=_later(600))),
    "ends before it begins": lambda i: i.sign(i.claims(iat=_later(10), exp=_later(5))),
    "no end": _changed(exp=None),
    "no time of issue": _changed(iat=None),
    "no beginning": _changed(nbf=None),
    "no id": _changed(jti=None),
    "an empty id": _changed(jti=""),
    "an end in text": lambda i: _signed_bytes(i, json.dumps({**i.claims(), "exp": "9999999999"}).encode()),
    "an end beyond time": _changed(exp=10**18),
    "an unknown issuer": _changed(iss="https://gitlab.example.com"),
    "an issuer with a slash more": lambda i: i.sign(i.claims(iss=f"{i.url}/")),
    "no issuer": _changed(iss=None),
    "no repository number": _changed(repository_id=None),
    "a name for a number": _changed(repository_id="shop/orders"),
    "a NUL in a name": _changed(actor="octo\x00cat"),
    "half a character": _changed(actor="\ud800"),
    "a line break in a ref": _changed(ref="refs/heads/main\n"),
}


@pytest.mark.parametrize("case", INVALID)
def test_a_token_that_is_not_genuine_is_refused(trusted: TrustRule, github: Issuer, case: str) -> None:
    token = INVALID[case](github)
    body = refused(token, 401, "oidc_token_invalid")
    assert body["detail"] != body["title"]  # it says what is wrong
    assert "checkout" not in str(body)
    assert str(token) not in str(AuditEvent.objects.values())
    assert exchange(github.sign(github.claims())).status_code == 201  # and that alone was wrong


def test_a_gitlab_that_signs_for_a_github_is_refused(trusted: TrustRule, github: Issuer, gitlab: Issuer) -> None:
    gitlab.rsa_key, kept = OTHERS_KEY, gitlab.rsa_key
    try:
        refused(gitlab.sign(github.claims()), 401, "oidc_token_invalid")
    finally:
        gitlab.rsa_key = kept
