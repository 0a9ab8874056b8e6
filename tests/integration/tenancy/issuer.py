"""A CI system on this machine: publishes real keys over real HTTP, and signs tokens with them."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from platform_api.core import clock
from platform_api.core.ids import new_id

AUDIENCE = "slipway.test"
Claims = dict[str, Any]


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def published(key: PrivateKeyTypes, kid: str) -> dict[str, Any]:
    """Return the public half of a key as a JSON Web Key."""
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return {**jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return {**jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True), "kid": kid, "use": "sig", "alg": "ES256"}


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    """A CI system of one kind, and its keys."""

    url: str
    kind: str
    rsa_key: rsa.RSAPrivateKey
    ec_key: ec.EllipticCurvePrivateKey
    fetches: int = 0
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None
    also: list[dict[str, Any]] = field(default_factory=list)

    @property
    def keys(self) -> list[dict[str, Any]]:
        """What is published."""
        return [published(self.rsa_key, "rsa"), published(self.ec_key, "ec"), *self.also]

    def sign(self, claims: Claims, *, algorithm: str = "RS256", **header: Any) -> str:
        """Sign claims as the system would."""
        key: Any = self.rsa_key if algorithm == "RS256" else self.ec_key
        kid = {"RS256": "rsa", "ES256": "ec"}[algorithm]
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid, **header})

    def claims(self, **changed: Any) -> Claims:
        """Return the claims of a job that a push to main set off; None leaves one out."""
        now = int(clock.now().timestamp())
        times = {"iat": now, "nbf": now - 5, "exp": now + 300}
        common = {"iss": self.url, "aud": AUDIENCE, "jti": str(new_id()), **times}
        made = {**common, **(GITHUB if self.kind == "github" else GITLAB), **changed}
        return {name: value for name, value in made.items() if value is not None}


GITHUB: Claims = {
    "sub": "repo:shop/orders:ref:refs/heads/main",
    "repository": "shop/orders",
    "repository_id": "1296269",
    "repository_owner": "shop",
    "repository_visibility": "private",
    "ref": "refs/heads/main",
    "ref_type": "branch",
    "ref_protected": "true",
    "head_ref": "",
    "base_ref": "",
    "event_name": "push",
    "run_id": "30433642",
    "run_attempt": "1",
    "actor": "octocat",
    "workflow": "Deploy",
    "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
}

GITLAB: Claims = {
    "sub": "project_path:shop/orders:ref_type:branch:ref:main",
    "project_path": "shop/orders",
    "project_id": "22",
    "namespace_path": "shop",
    "ref": "main",
    "ref_type": "branch",
    "ref_protected": "true",
    "pipeline_source": "push",
    "pipeline_id": "574",
    "job_id": "302",
    "user_login": "dana",
    "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
}


class _Handler(BaseHTTPRequestHandler):
    issuers: dict[str, Issuer]

    def do_GET(self) -> None:
        name, _, path = self.path.removeprefix("/").partition("/")
        issuer = self.issuers[name]
        assert path == {"github": ".well-known/jwks", "gitlab": "oauth/discovery/keys"}[issuer.kind]
        issuer.fetches += 1
        if issuer.answer is not None:
            issuer.answer(self)
            return
        self.reply(json.dumps({"keys": issuer.keys}).encode())

    def reply(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def issuers_running() -> Iterator[dict[str, Issuer]]:
    """Run a GitHub and a GitLab."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    base = f"http://127.0.0.1:{server.server_port}"
    keys = rsa.generate_private_key(public_exponent=65537, key_size=2048), ec.generate_private_key(ec.SECP256R1())
    issuers = {kind: Issuer(f"{base}/{kind}", kind, *keys) for kind in ("github", "gitlab")}
    server.RequestHandlerClass = type("Handler", (_Handler,), {"issuers": issuers})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuers
    finally:
        server.shutdown()
        thread.join(timeout=30)
        server.server_close()
