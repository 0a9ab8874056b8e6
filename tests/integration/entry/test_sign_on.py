"""The company's sign-on, with a real provider on loopback: who it lets in, and what it is not believed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from platform_api.core.keeping import Kept
from platform_api.settings.components.identity import SignOnSettings, authentication_backends
from platform_api.tenancy.admin.entry import sign_on
from platform_api.tenancy.models import SignOn, User
from platform_api.tenancy.services.log_in_throttles import ADDRESS_LIMIT
from platform_api.tenancy.services.sign_ons import sign_on_chosen
from platform_api.tenancy.services.users import user_create
from tests.databases import contents
from tests.integration.admin.site import text_of
from tests.integration.entry.door import PASSWORD, dana, log_in, recorded
from tests.people import TESTS
from tests.sign_on_provider import CLIENT_ID, CLIENT_SECRET, Claims, Provider, provider_running

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("demanding")]

DANA = {"sub": "4711", "preferred_username": "Dana.Doe", "name": "Dana Doe", "email": "dana@example.com"}


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[Provider]:
    """A provider that vouches for Dana, an auditor by her groups, and that this installation believes."""
    with provider_running() as running:
        running.person = {**DANA, "groups": ["auditors", "everybody"]}
        settings.SIGN_ON = SignOnSettings(
            issuer=running.issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            scopes="openid profile email",
            groups_claim="groups",
            auditor_groups=frozenset({"auditors"}),
            admin_groups=frozenset({"platform-team"}),
            creates_users=True,
        )
        settings.AUTHENTICATION_BACKENDS = authentication_backends(has_sign_on=True)
        yield running


def come_back(client: Client, address: str) -> Any:
    """Go where the provider leads the browser back to."""
    back = httpx.get(address, follow_redirects=False).headers["Location"]
    assert back.startswith("http://testserver/admin/sign-on/callback/?")
    return client.get(back.removeprefix("http://testserver"))


def sign_on_as(client: Client, *, wish: str = "") -> Any:
    """Walk the whole way: log-in page, provider, and back."""
    return come_back(client, client.get("/admin/sign-on/", {"next": wish} if wish else {}).headers["Location"])


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_a_person_comes_in_by_the_sign_on_and_is_made_a_user_by_their_subject(provider: Provider) -> None:
    client = Client()
    assert 'href="/admin/sign-on/?next=/admin/audit/auditevent/"' in (
        client.get("/admin/login/?next=/admin/audit/auditevent/").content.decode()
    )
    answer = sign_on_as(client, wish="/admin/audit/auditevent/")
    assert answer.headers["Location"] == "/admin/audit/auditevent/"
    assert is_in(client)
    (link,) = SignOn.objects.select_related("user")
    assert (link.issuer, link.subject) == (provider.issuer, "4711")
    user = link.user
    assert (user.username, user.name, user.email) == ("dana.doe", "Dana Doe", "dana@example.com")
    assert (user.is_auditor, user.is_platform_admin, user.has_usable_password()) == (True, False, False)
    assert recorded("session.opened")[0].after == {"means": "sign_on"}
    assert [event.object_id for event in recorded("sign_on.linked")] == [user.pk]


def test_the_second_time_is_the_same_user_whatever_else_has_changed(provider: Provider) -> None:
    sign_on_as(Client())
    provider.person |= {"preferred_username": "dana-married", "email": "elsewhere@example.com"}
    sign_on_as(Client())
    assert User.objects.count() == 1


def test_nobody_is_taken_for_a_user_by_their_e_mail_address_or_name(provider: Provider) -> None:
    admin = user_create(
        username="dana.doe", email="dana@example.com", caller=TESTS, password=PASSWORD, is_platform_admin=True
    )
    client = Client()
    sign_on_as(client)
    newcomer = SignOn.objects.get().user
    assert newcomer.pk != admin.pk
    assert newcomer.username.startswith("dana.doe-")
    assert not newcomer.is_platform_admin


def test_another_issuers_subject_is_somebody_else(provider: Provider) -> None:
    admin = user_create(username="root", caller=TESTS, is_platform_admin=True)
    SignOn.objects.create(user=admin, issuer="https://elsewhere.example.com", subject="4711")
    sign_on_as(Client())
    assert SignOn.objects.get(issuer=provider.issuer).user.pk != admin.pk


def test_roles_follow_the_groups_at_each_log_in(provider: Provider) -> None:
    first = Client()
    sign_on_as(first)
    provider.person["groups"] = ["platform-team"]
    sign_on_as(Client())
    user = User.objects.get()
    assert (user.is_auditor, user.is_platform_admin) == (False, True)
    assert not is_in(first)  # a session of the old roles
    provider.person["groups"] = []
    last = Client()
    assert sign_on_as(last).headers["Location"] == "/docs/"
    assert not is_in(last)
    given, changed, taken = recorded("user.roles_changed")
    assert given.after == {"is_auditor": True, "is_platform_admin": False}
    assert changed.before == given.after
    assert taken.after == {"is_auditor": False, "is_platform_admin": False}


def test_a_stranger_is_refused_where_no_user_is_made_until_an_operator_links_one(
    provider: Provider, settings: LazySettings
) -> None:
    settings.SIGN_ON = replace(sign_on_chosen(), creates_users=False)
    user_create(username="dana", caller=TESTS)
    client = Client()
    answer = sign_on_as(client)
    assert answer.status_code == 403
    assert "Nobody has made an account for you" in text_of(answer)
    assert not is_in(client)
    assert [event.code for event in recorded("call.refused")] == ["sign_on_unknown"]
    call_command("sign_on", "link", "dana", "4711", "--reason", "Asked in person")
    sign_on_as(client)
    assert is_in(client)
    with pytest.raises(CommandError, match="is linked to a user"):
        call_command("sign_on", "link", "dana", "4711", "--reason", "Again")


def test_an_inactive_user_is_refused(provider: Provider) -> None:
    sign_on_as(Client())
    User.objects.update(is_active=False)
    client = Client()
    assert sign_on_as(client).status_code == 403
    assert not is_in(client)


def test_a_password_is_no_way_around_the_sign_on(provider: Provider) -> None:
    dana()
    client = Client()
    answer = log_in(client)
    assert answer.status_code == 200
    assert "password" not in text_of(answer)
    assert not is_in(client)
    assert client.get("/admin/login/code/").status_code == 404


def test_there_is_no_sign_on_where_none_is_named() -> None:
    for address in ("/admin/sign-on/", "/admin/sign-on/callback/?code=a&state=b"):
        assert Client().get(address).status_code == 404
    with pytest.raises(CommandError, match="No sign-on is configured"):
        call_command("sign_on", "link", dana().username, "1", "--reason", "x")


def test_the_way_there_carries_state_nonce_and_a_challenge_and_no_secret(provider: Provider) -> None:
    client = Client()
    for _ in range(2):
        sign_on_as(client)
    one, two = provider.seen
    assert one["code_challenge_method"] == "S256"
    assert all(one[name] != two[name] for name in ("state", "nonce", "code_challenge"))
    assert CLIENT_SECRET not in str(provider.seen)


def pem(provider: Provider) -> bytes:
    return provider.rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def hs256(provider: Provider, claims: Claims, key: bytes) -> str:
    """Sign with a shared key that everybody knows; PyJWT itself refuses to do that with a public key."""
    import base64
    import hashlib
    import hmac
    import json

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    text = part({"alg": "HS256", "kid": "RS256", "typ": "JWT"}) + b"." + part(claims)
    return (text + b"." + base64.urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=")).decode()


OTHER_KEY = rsa.generate_private_key(65537, 2048)
LIES: dict[str, Callable[[Provider, Claims], str]] = {
    "no signature": lambda p, c: jwt.encode(c, None, algorithm="none", headers={"kid": "RS256"}),  # type: ignore[arg-type]  # it takes None for this
    "the public key as a shared one": lambda p, c: hs256(p, c, pem(p)),
    "the client's secret as a shared key": lambda p, c: hs256(p, c, CLIENT_SECRET.encode()),
    "another key": lambda p, c: jwt.encode(c, OTHER_KEY, algorithm="RS256", headers={"kid": "RS256"}),
    "an unknown key": lambda p, c: p.signed(c, kid="nobody"),
    "no key named": lambda p, c: jwt.encode(c, p.rsa_key, algorithm="RS256"),
    "another algorithm of the same key": lambda p, c: jwt.encode(
        c, p.rsa_key, algorithm="PS256", headers={"kid": "RS256"}
    ),
    "another issuer": lambda p, c: p.signed({**c, "iss": "https://evil.example.com"}),
    "another audience": lambda p, c: p.signed({**c, "aud": "another"}),
    "made for another client": lambda p, c: p.signed({**c, "aud": [CLIENT_ID, "other"], "azp": "other"}),
    "expired": lambda p, c: p.signed({**c, "exp": int(time.time()) - 120}),
    "from the future": lambda p, c: p.signed({**c, "iat": int(time.time()) + 600}),
    "not yet": lambda p, c: p.signed({**c, "nbf": int(time.time()) + 600}),
    "no end": lambda p, c: p.signed({name: value for name, value in c.items() if name != "exp"}),
    "no subject": lambda p, c: p.signed({name: value for name, value in c.items() if name != "sub"}),
    "another nonce": lambda p, c: p.signed({**c, "nonce": "of-another-log-in"}),
    "no nonce": lambda p, c: p.signed({name: value for name, value in c.items() if name != "nonce"}),
    "no token": lambda p, c: "",
    "half a token": lambda p, c: p.signed(c)[:-40],
    "a changed body": lambda p, c: ".".join(
        [p.signed(c).split(".")[0], p.signed({**c, "sub": "1"}).split(".")[1], p.signed(c).split(".")[2]]
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_bad_token_lets_nobody_in(provider: Provider, lie: str) -> None:
    provider.sign = lambda claims: LIES[lie](provider, claims)
    before, client = contents(without={"django_session", "audit_event", "log_in_throttle"}), Client()
    answer = sign_on_as(client)
    assert answer.status_code == 401
    assert "The sign-on was not completed" in text_of(answer)
    assert not is_in(client)
    assert contents(without={"django_session", "audit_event", "log_in_throttle"}) == before
    assert [event.code for event in recorded("call.refused")] == ["sign_on_failed"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_both_public_algorithms_are_taken(provider: Provider, algorithm: str) -> None:
    provider.sign = lambda claims: provider.signed(claims, algorithm=algorithm)
    client = Client()
    sign_on_as(client)
    assert is_in(client)


@pytest.mark.parametrize("told", [{"sub": "another"}, {}, ["4711"], {"email": "dana@example.com"}])
def test_two_answers_that_speak_of_different_people_let_nobody_in(provider: Provider, told: Any) -> None:
    provider.told, client = told, Client()
    assert sign_on_as(client).status_code == 401
    assert not User.objects.exists()


def test_a_state_of_another_browser_or_used_before_is_refused(provider: Provider) -> None:
    victim, attacker = Client(), Client()
    back = httpx.get(attacker.get("/admin/sign-on/").headers["Location"], follow_redirects=False).headers["Location"]
    address = back.removeprefix("http://testserver")
    assert victim.get(address).status_code == 401
    assert not is_in(victim)
    assert attacker.get(address).status_code == 302
    assert Client().get(address).status_code == 401
    assert attacker.get(address).status_code == 401


def test_a_provider_that_refuses_lets_nobody_in_and_its_answer_is_told_to_nobody(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.is_silent, client = True, Client()
    answer = sign_on_as(client)
    assert answer.status_code == 401
    assert "invalid_grant" not in answer.content.decode() + caplog.text
    refusal = parse_qs(urlsplit(client.get("/admin/sign-on/").headers["Location"]).query)["state"][0]
    assert client.get(f"/admin/sign-on/callback/?error=access_denied&state={refusal}").status_code == 401


def test_an_address_that_fails_too_often_is_told_to_wait_and_recorded_no_more(provider: Provider) -> None:
    stranger, callback = Client(), "/admin/sign-on/callback/?error=access_denied"
    answers = [stranger.get(callback) for _ in range(ADDRESS_LIMIT + 5)]
    assert [answer.status_code for answer in answers] == [401] * ADDRESS_LIMIT + [429] * 5
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert len(recorded("call.refused")) == ADDRESS_LIMIT
    (event,) = recorded("log_in.throttled")
    assert (event.object_name, event.actor_name) == ("address", "anonymous")
    office = Client()  # behind the same address
    sign_on_as(office)
    assert is_in(office)
    assert stranger.get(callback, REMOTE_ADDR="192.0.2.7").status_code == 401


def test_a_provider_that_does_not_answer_is_said_to_be_away_and_nobody_is_thrown_out(
    provider: Provider, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Client()
    sign_on_as(inside)
    monkeypatch.setattr(sign_on, "_configurations", Kept(setting="SIGN_ON_AGE_SECONDS"))
    settings.SIGN_ON = replace(sign_on_chosen(), issuer="http://127.0.0.1:1")
    answer = Client().get("/admin/sign-on/")
    assert answer.status_code == 503
    assert "does not answer" in text_of(answer)
    assert is_in(inside)


def test_a_provider_by_another_name_is_not_believed(provider: Provider, settings: LazySettings) -> None:
    settings.SIGN_ON = replace(sign_on_chosen(), issuer=f"{provider.issuer}/")
    assert Client().get("/admin/sign-on/").status_code == 503


def test_a_wish_for_another_host_is_not_followed(provider: Provider) -> None:
    assert sign_on_as(Client(), wish="https://evil.example.com/").headers["Location"] == "/admin/"


@pytest.mark.parametrize(
    ("wished", "made"),
    [
        ("Dana.Doe", "dana.doe"),
        ("dana doe@x", "dana-doe-x"),
        ("ÄÖ\x00", "person-"),
        ("", "person-"),
        ("-.-", "person-"),
    ],
)
def test_a_new_user_gets_a_name_of_the_allowed_form(provider: Provider, wished: str, made: str) -> None:
    provider.person["preferred_username"] = wished
    sign_on_as(Client())
    user = User.objects.get()
    user.full_clean(exclude={"password"})
    assert user.username.startswith(made)
