"""An OpenID Connect provider on loopback: real HTTP, real signatures, and any lie that a test asks for."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT_ID = "slipway"
CLIENT_SECRET = "what-the-provider-knows-us-by"

Claims = dict[str, Any]


@dataclass
class Provider:
    """What the provider knows, and how it answers.

    Attributes:
        person: Claims of whoever logs in there.
        sign: Turns an ID token's claims into what is sent; a test puts its lie here.
        told: What the userinfo address tells; the person's claims, unless a test says otherwise.
        is_silent: Refuses to give tokens.
        seen: What it was asked at the authorization address, newest last.
    """

    person: Claims = field(default_factory=dict)
    sign: Callable[[Claims], str] | None = None
    told: Any = None
    is_silent: bool = False
    issuer: str = ""
    seen: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    rsa_key: RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    ec_key: EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def signed(self, claims: Claims, *, algorithm: str = "RS256", kid: str = "") -> str:
        """Return a token as an honest provider makes it."""
        key = self.rsa_key if algorithm == "RS256" else self.ec_key
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid or algorithm})

    def claims(self, nonce: str) -> Claims:
        """Return what an honest ID token says."""
        now = int(time.time())
        about = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        return {**about, **self.person}

    def keys(self) -> dict[str, Any]:
        """Return the public keys."""
        public = (
            ("RS256", RSAAlgorithm.to_jwk(self.rsa_key.public_key(), as_dict=True)),
            ("ES256", ECAlgorithm.to_jwk(self.ec_key.public_key(), as_dict=True)),
        )
        return {"keys": [{**key, "kid": name, "alg": name, "use": "sig"} for name, key in public]}

    def configuration(self) -> dict[str, str]:
        """Return what it says of itself."""
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token"}
        places |= {"userinfo_endpoint": "userinfo", "jwks_uri": "keys"}
        return {"issuer": self.issuer} | {name: f"{self.issuer}/{place}" for name, place in places.items()}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        match address.path:
            case "/.well-known/openid-configuration":
                self._answer(self.provider.configuration())
            case "/keys":
                self._answer(self.provider.keys())
            case "/userinfo" if self.headers["Authorization"] == "Bearer access":
                told = self.provider.told
                self._answer(self.provider.person if told is None else told)
            case "/authorize":
                self.provider.seen.append(asked)
                code = f"code-{len(self.provider.seen)}"
                self.provider.codes[code] = asked
                back = urlencode({"code": code, "state": asked["state"]})
                self._answer({}, status=302, Location=f"{asked['redirect_uri']}?{back}")
            case _:
                self._answer({"error": "not_found"}, status=404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.provider.codes.pop(given.get("code", ""), None)
        if asked is None or self.provider.is_silent or not self._is_proven(given, asked):
            self._answer({"error": "invalid_grant"}, status=400)
            return
        claims = self.provider.claims(asked["nonce"])
        token = (self.provider.sign or self.provider.signed)(claims)
        self._answer({"access_token": "access", "token_type": "Bearer", "id_token": token})

    def _is_proven(self, given: dict[str, str], asked: dict[str, str]) -> bool:
        """Check the client's secret and its PKCE verifier (RFC 7636)."""
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return (
            (given.get("client_id"), given.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
            and asked.get("code_challenge_method") == "S256"
            and asked.get("code_challenge") == challenge
            and given.get("redirect_uri") == asked["redirect_uri"]
        )

    def _answer(self, value: Any, *, status: int = 200, **headers: str) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, content in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, content)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def provider_running() -> Iterator[Provider]:
    """Run a provider on a port of its own."""
    provider = Provider()
    handler = type("Handler", (_Handler,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
