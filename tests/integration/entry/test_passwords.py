"""The first half of a log-in: names, passwords, and how guessing is made slow."""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.test import Client

from platform_api.audit.models import AuditEvent
from platform_api.tenancy.models import LogInThrottle
from platform_api.tenancy.models.users import UserKind
from platform_api.tenancy.services.log_in_throttles import ADDRESS_LIMIT, NAME_LIMIT
from platform_api.tenancy.services.users import user_create
from tests.integration.admin.site import text_of
from tests.integration.entry.door import PASSWORD, Watch, dana, log_in, recorded
from tests.people import TESTS

pytestmark = pytest.mark.django_db

WRONG = "not-the-password"


def refused(client: Client, username: str, *, password: str = WRONG) -> str:
    """Try in vain, and return what is said."""
    answer = log_in(client, username=username, password=password)
    assert answer.status_code in {200, 429}
    assert "_auth_user_id" not in client.session
    return text_of(answer).replace(username, "")


def test_a_log_in_and_a_log_out_are_in_the_history(watch: Watch) -> None:
    user, client = dana(), Client()
    log_in(client)
    client.post("/admin/logout/")
    opened, closed = (recorded(f"session.{word}")[0] for word in ("opened", "closed"))
    assert opened.after == {"means": "password"}
    assert {event.object_id for event in (opened, closed)} == {user.pk}
    assert (opened.actor_name, opened.auth_method, opened.ip) == ("dana", "log_in", "127.0.0.1")


def test_whoever_is_there_and_whoever_is_not_cost_the_same_and_are_told_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dana()
    user_create(username="bare", caller=TESTS, is_auditor=True)
    away = user_create(username="away", caller=TESTS, password=PASSWORD, is_auditor=True)
    away.is_active = False
    away.save()
    user_create(username="builds", caller=TESTS, password=PASSWORD, kind=UserKind.SERVICE)
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    said, work = set(), set()
    for username in ("dana", "bare", "nobody", "away", "builds"):
        hashed.clear()
        password = PASSWORD if username in {"away", "builds"} else WRONG
        said.add(refused(Client(), username, password=password).partition("Username")[0])
        work.add(len(hashed))
    assert len(said) == 1
    assert work == {1}
    assert len(recorded("log_in.refused")) == 5


def test_what_was_typed_as_a_name_is_kept_nowhere(watch: Watch) -> None:
    typed = "my-password-by-mistake"
    refused(Client(), typed)
    assert typed not in str(list(AuditEvent.objects.values())) + str(list(LogInThrottle.objects.values()))
    (event,) = recorded("log_in.refused")
    assert (event.object_name, event.object_id, event.code) == ("", None, "log_in_refused")


@pytest.mark.parametrize("username", ["dana", "nobody"])
def test_a_name_is_closed_for_minutes_after_so_many_guesses_whether_somebody_has_it_or_not(
    watch: Watch, username: str
) -> None:
    dana()
    client = Client()
    for _ in range(NAME_LIMIT):
        assert "do not let you in" in refused(client, username)
    watch.pass_(seconds=100)
    for _ in range(3):
        answer = log_in(client, username=username, password=PASSWORD)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "200")
        assert "Too many attempts to log in Try again in 4 min." in text_of(answer)
        assert "_auth_user_id" not in client.session
    (event,) = recorded("log_in.throttled")
    assert (event.object_name, event.outcome, event.ip) == ("name", "refused", "127.0.0.1")
    watch.pass_(seconds=200)
    assert (log_in(client, username=username, password=PASSWORD).status_code == 302) == (username == "dana")


def test_an_address_is_closed_after_guesses_at_many_names_and_others_are_not(watch: Watch) -> None:
    dana()
    for number in range(ADDRESS_LIMIT):
        refused(Client(), f"name-{number}")
    assert log_in(Client()).status_code == 429
    assert log_in(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


def test_neighbors_in_an_ipv6_network_are_one_address(watch: Watch) -> None:
    dana()
    for number in range(ADDRESS_LIMIT):
        refused(Client(REMOTE_ADDR=f"2001:db8::{number:x}"), f"name-{number}")
    assert log_in(Client(REMOTE_ADDR="2001:db8::ffff")).status_code == 429
    assert log_in(Client(REMOTE_ADDR="2001:db8:0:1::1")).status_code == 302


def test_whoever_comes_in_is_not_counted(watch: Watch) -> None:
    dana()
    for _ in range(NAME_LIMIT + 2):
        assert log_in(Client()).status_code == 302
    assert not recorded("log_in.throttled")


def test_closed_windows_are_cleared_away(watch: Watch) -> None:
    for number in range(5):
        refused(Client(), f"name-{number}")
    watch.pass_(minutes=6)
    refused(Client(), "another")
    assert LogInThrottle.objects.count() == 2  # of the name and of the address


def test_a_session_ends_eight_hours_after_the_log_in_whatever_is_done_meanwhile(watch: Watch) -> None:
    dana()
    client = Client()
    log_in(client)
    for _ in range(7):
        watch.pass_(hours=1)
        session = client.session
        session["busy"] = watch.moment.isoformat()
        session.save()
        assert client.get("/admin/").status_code == 200
    watch.pass_(minutes=61)
    assert client.get("/admin/").status_code == 302


def test_the_log_out_ends_the_session_for_whoever_kept_the_cookie(watch: Watch) -> None:
    dana()
    client, thief = Client(), Client()
    log_in(client)
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    assert thief.get("/admin/").status_code == 200
    client.post("/admin/logout/")
    assert thief.get("/admin/").status_code == 302
    assert not Session.objects.exists()


def test_a_link_logs_nobody_out(watch: Watch) -> None:
    dana()
    client = Client()
    log_in(client)
    assert client.get("/admin/logout/").status_code == 405
    assert client.get("/admin/").status_code == 200


def test_what_the_database_keeps_of_a_session_opens_none(watch: Watch) -> None:
    dana()
    client = Client()
    log_in(client)
    (row,) = Session.objects.all()
    assert row.session_key != client.cookies["sessionid"].value
    thief = Client()
    thief.cookies["sessionid"] = row.session_key
    assert thief.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    ("wish", "place"),
    [
        ("/docs/", "/docs/"),
        ("https://evil.example.com/", "/admin/"),
        ("//evil.example.com/", "/admin/"),
        ("javascript:alert(1)", "/admin/"),
    ],
)
def test_the_log_in_leads_to_no_other_host(wish: str, place: str) -> None:
    dana()
    assert log_in(Client(), next=wish).headers["Location"] == place
