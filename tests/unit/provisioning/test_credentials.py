import base64
import hashlib
import hmac

import pytest

from catalog.manifest.documents import document_read
from catalog.manifest.reading import FORMAT
from platform_api.core.ids import new_id
from platform_api.core.sealing import SealBrokenError
from provisioning.models import Credential
from provisioning.services.execution.credentials import VERIFIERS, Credentials, RunCredentials, credentials_make

FORMS = {"password_verifier": "scram-sha-256", "second_verifier": "scram-sha-256"}


def stored_key(password: str, verifier: str) -> str:
    """Derive again, by RFC 5803, what the verifier says of a password."""
    parameters, _ = verifier.removeprefix("SCRAM-SHA-256$").split("$")
    iterations, salt = parameters.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return base64.b64encode(key).decode()


def test_a_verifier_belongs_to_the_password_and_to_no_other() -> None:
    made, other = credentials_make(FORMS), credentials_make(FORMS)
    assert made.password is not None
    assert other.password is not None
    verifier = made.verifiers["scram-sha-256"]
    said = verifier.split("$")[2].split(":")[0]
    assert stored_key(made.password, verifier) == said
    assert stored_key(other.password, verifier) != said


def test_each_form_is_of_the_same_password() -> None:
    made = credentials_make({**FORMS, "password_sha256": "sha256"})
    assert made.password is not None
    assert set(made.verifiers) == {"scram-sha-256", "sha256"}
    assert made.verifiers["sha256"] == hashlib.sha256(made.password.encode()).hexdigest()


def test_every_form_that_a_manifest_may_name_can_be_made() -> None:
    credentials = document_read(FORMAT).value["properties"]["credentials"]["properties"]
    assert set(credentials["verifiers"]["additionalProperties"]["enum"]) == set(VERIFIERS)


def test_each_password_is_new() -> None:
    assert len({credentials_make(FORMS).password for _ in range(50)}) == 50


def test_a_form_that_the_platform_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError):
        credentials_make({"password_verifier": "md5"})


def test_nothing_secret_is_shown() -> None:
    made = credentials_make(FORMS)
    assert made.password is not None
    assert made.password not in repr(made)
    assert "SCRAM" not in repr(made)
    assert set(made.secrets) == {made.password, *made.verifiers.values()}
    of_run = RunCredentials(verifiers=made.verifiers, secrets=made.secrets)
    assert repr(of_run) == "RunCredentials()"


def test_after_they_were_shown_only_verifiers_are_secret() -> None:
    made = credentials_make(FORMS)
    kept = Credentials(verifiers=made.verifiers)
    assert set(kept.secrets) == set(made.verifiers.values())


def test_they_open_for_their_own_resource_only() -> None:
    own, other = Credential(resource_id=new_id(), number=1), Credential(resource_id=new_id(), number=1)
    made = credentials_make(FORMS)
    own.sealed = made.sealed(own)
    assert made.password is not None
    assert made.password.encode() not in own.sealed
    assert Credentials.of(own) == made
    other.sealed = own.sealed
    with pytest.raises(SealBrokenError):
        Credentials.of(other)


def test_of_one_that_is_over_nothing_is_left() -> None:
    assert Credentials.of(Credential(resource_id=new_id(), number=1)) == Credentials(password=None, verifiers={})
