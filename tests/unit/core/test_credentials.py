import base64
import hashlib
import hmac
import re

import pytest

from fleet_provider.clients.scram import VERIFIER
from fleet_provider.resources.valkey_user import DIGEST
from platform_api.core.credentials import password_make, scram_sha_256_verifier, sha256_verifier


def test_a_password_is_url_safe_and_has_more_than_128_bits() -> None:
    password = password_make()

    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", password)
    assert len(base64.urlsafe_b64decode(password)) * 8 >= 128


def test_no_two_passwords_or_verifiers_are_the_same() -> None:
    assert len({password_make() for _ in range(100)}) == 100
    assert scram_sha_256_verifier("pencil") != scram_sha_256_verifier("pencil")


def test_the_verifier_accepts_the_proof_of_rfc_7677_and_signs_as_its_server() -> None:
    """The exchange of RFC 7677, section 3, for the password "pencil"."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchange = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}".encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")

    verifier = scram_sha_256_verifier("pencil", salt=salt, iterations=4096)

    mechanism, rounds_and_salt, keys = verifier.split("$")
    assert (mechanism, rounds_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    stored_key, server_key = (base64.b64decode(key) for key in keys.split(":"))
    mask = hmac.digest(stored_key, exchange, "sha256")
    client_key = bytes(left ^ right for left, right in zip(proof, mask, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key
    assert hmac.digest(server_key, exchange, "sha256") == signature


def test_the_provider_accepts_every_verifier_that_the_platform_makes() -> None:
    assert all(VERIFIER.fullmatch(scram_sha_256_verifier(password_make())) for _ in range(20))
    assert all(DIGEST.fullmatch(sha256_verifier(password_make())) for _ in range(20))


def test_a_digest_is_the_sha_256_of_the_password_as_fips_180_has_it() -> None:
    assert sha256_verifier("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("password", ["", "gruß", "two\nlines", "nul\0"])
def test_a_password_that_would_need_preparation_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        scram_sha_256_verifier(password)
