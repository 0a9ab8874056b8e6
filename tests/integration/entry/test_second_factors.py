"""The second half of a log-in: enrolled, proven, lost."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from platform_api.core.errors import SlipwayError
from platform_api.core.ids import Prefix
from platform_api.tenancy.models import RecoveryCode, SecondFactor, User
from platform_api.tenancy.services.log_in_throttles import CODE_LIMIT
from platform_api.tenancy.services.second_factors import (
    SecondFactorExistsError,
    key_make,
    key_text,
    second_factor_enroll,
    second_factor_prove,
)
from tests.databases import contents
from tests.integration.admin.site import browser, page_of, text_of
from tests.integration.entry.door import (
    CODE,
    ENROLL,
    LOG_IN,
    Authenticator,
    Watch,
    dana,
    enroll,
    log_in,
    recorded,
    watch_set,
)
from tests.people import TESTS


@pytest.fixture
def enrolled(db: None, demanding: None, watch: Watch) -> tuple[Authenticator, list[str]]:
    """Dana's authenticator and recovery codes; a minute after they were set up."""
    dana()
    client = Client()
    log_in(client)
    made = enroll(client, watch)
    watch.pass_(minutes=1)
    return made


def at_the_code() -> Client:
    """Return a browser in which dana's password was right."""
    client = Client()
    assert log_in(client).headers["Location"] == CODE
    return client


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


@pytest.mark.django_db
def test_a_password_alone_lets_nobody_in_where_a_second_factor_is_demanded(demanding: None, watch: Watch) -> None:
    dana()
    client = Client()
    assert log_in(client, next="/admin/audit/auditevent/").headers["Location"] == ENROLL
    for address in ("/admin/", "/admin/audit/auditevent/", "/api/v1/projects"):
        assert client.get(address).status_code in {302, 401}
    assert not recorded("session.opened")


@pytest.mark.django_db
def test_a_session_from_before_a_second_factor_was_demanded_counts_no_more(settings: object, watch: Watch) -> None:
    dana()
    client = Client()
    log_in(client)
    assert is_in(client)
    settings.SECOND_FACTOR_REQUIRED = True  # type: ignore[attr-defined]  # pytest-django's settings take any name
    assert not is_in(client)


@pytest.mark.django_db
def test_a_second_factor_is_set_up_at_the_first_log_in_and_its_codes_are_shown_once(
    demanding: None, watch: Watch
) -> None:
    user, client = dana(), Client()
    log_in(client, next="/admin/audit/auditevent/")
    page = client.get(ENROLL)
    assert "no-store" in page.headers["Cache-Control"]
    picture = client.get(f"{ENROLL}qr.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "no-store" in picture.headers["Cache-Control"]
    assert not re.search(rb"<script|<style|style=", picture.content)
    app, codes = enroll(client, watch)
    assert len(set(codes)) == 10
    assert is_in(client)
    assert [event.object_id for event in recorded("second_factor.enrolled")] == [user.pk]
    assert recorded("session.opened")[0].after == {"means": "password_and_code"}
    assert client.get(ENROLL).status_code == 302
    assert client.get(f"{ENROLL}qr.svg").status_code == 404
    kept = str(SecondFactor.objects.values()) + str(RecoveryCode.objects.values())
    for secret in (app.key, *codes):
        assert secret.replace("-", "") not in kept.replace("-", "")


@pytest.mark.django_db
def test_the_picture_is_of_the_key_that_the_page_tells(demanding: None, watch: Watch) -> None:
    dana()
    client = Client()
    log_in(client)
    pictures = {client.get(f"{ENROLL}qr.svg").content for _ in range(2)}
    assert len(pictures) == 1  # and not a new key with each
    assert client.get(ENROLL).content.decode().count("-") > 3
    assert Client().get(f"{ENROLL}qr.svg").status_code == 404


@pytest.mark.django_db
def test_a_wrong_first_code_enrolls_nothing(demanding: None, watch: Watch) -> None:
    dana()
    client = Client()
    log_in(client)
    client.get(ENROLL)
    answer = client.post(ENROLL, {"code": "000000"})
    assert "The code is not right" in text_of(answer)
    assert not SecondFactor.objects.exists()
    assert not is_in(client)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_of_about_now_lets_in_and_counts_once(
    enrolled: tuple[Authenticator, list[str]], watch: Watch, steps: int
) -> None:
    app, _codes = enrolled
    code = app.code(steps=steps)
    first, second = at_the_code(), at_the_code()
    assert first.post(CODE, {"code": f"{code[:3]} {code[3:]}"}).headers["Location"] == "/admin/"
    assert is_in(first)
    assert "The code is not right" in text_of(second.post(CODE, {"code": code}))
    assert not is_in(second)
    assert recorded("second_factor.refused")[0].code == "code_wrong"


def test_a_code_is_refused_after_a_later_one_was_used(enrolled: tuple[Authenticator, list[str]]) -> None:
    app, _codes = enrolled
    assert at_the_code().post(CODE, {"code": app.code(steps=1)}).status_code == 302
    assert at_the_code().post(CODE, {"code": app.code()}).status_code == 200


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "٠١٢٣٤٥", "-1", "0x1234", "aaaa-aaaa-aaaa-aaaa"])
def test_what_is_no_code_lets_nobody_in(enrolled: tuple[Authenticator, list[str]], typed: str) -> None:
    client = at_the_code()
    assert client.post(CODE, {"code": typed}).status_code == 200
    assert not is_in(client)


@pytest.mark.parametrize("steps", [-3, -2, 2, 3])
def test_a_code_of_another_time_is_refused(enrolled: tuple[Authenticator, list[str]], steps: int) -> None:
    client = at_the_code()
    assert client.post(CODE, {"code": enrolled[0].code(steps=steps)}).status_code == 200
    assert not is_in(client)


def test_a_recovery_code_lets_in_once_and_says_how_many_are_left(enrolled: tuple[Authenticator, list[str]]) -> None:
    _app, codes = enrolled
    first, second = at_the_code(), at_the_code()
    assert first.post(CODE, {"code": codes[0].upper()}).status_code == 302
    assert "You have 9 left" in text_of(first.get("/admin/"))
    assert second.post(CODE, {"code": codes[0]}).status_code == 200
    assert not is_in(second)
    assert recorded("recovery_code.used")[0].after == {"recovery_codes_left": 9}
    assert at_the_code().post(CODE, {"code": codes[1]}).status_code == 302


def test_guessing_codes_is_made_slow_for_the_person_and_not_for_others(
    enrolled: tuple[Authenticator, list[str]], watch: Watch
) -> None:
    app, codes = enrolled
    for _ in range(CODE_LIMIT):
        assert at_the_code().post(CODE, {"code": "000000"}).status_code == 200
    for given in (app.code(), codes[0]):
        client = at_the_code()
        answer = client.post(CODE, {"code": given})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "240")
        assert not is_in(client)
    assert [event.object_name for event in recorded("log_in.throttled")] == ["code"]
    watch.pass_(minutes=5)
    assert at_the_code().post(CODE, {"code": app.code()}).status_code == 302


def test_the_password_holds_the_door_for_ten_minutes(enrolled: tuple[Authenticator, list[str]], watch: Watch) -> None:
    client = at_the_code()
    watch.pass_(minutes=10, seconds=1)
    answer = client.post(CODE, {"code": enrolled[0].code()})
    assert answer.headers["Location"] == LOG_IN
    assert "Begin again with your password" in text_of(client.get(LOG_IN))
    assert not is_in(client)


def test_nobody_comes_to_the_code_without_the_password(enrolled: tuple[Authenticator, list[str]]) -> None:
    assert Client().post(CODE, {"code": enrolled[0].code()}).headers["Location"] == LOG_IN
    assert Client().get(ENROLL).headers["Location"] == LOG_IN


def test_a_password_changed_meanwhile_closes_the_door(enrolled: tuple[Authenticator, list[str]]) -> None:
    client, user = at_the_code(), User.objects.get(username="dana")
    user.set_password("another-password-for-dana")
    user.save()
    assert client.post(CODE, {"code": enrolled[0].code()}).headers["Location"] == LOG_IN


def test_a_second_factor_is_not_replaced_by_another(enrolled: tuple[Authenticator, list[str]], watch: Watch) -> None:
    user = User.objects.get(username="dana")
    before = contents(without={"audit_event", "log_in_throttle"})
    sealed = key_make(user=user)
    app = Authenticator(key_text(user=user, sealed=sealed), watch)
    with pytest.raises(SecondFactorExistsError):
        second_factor_enroll(user=user, sealed=sealed, code=app.code(), caller=TESTS)
    assert contents(without={"audit_event", "log_in_throttle"}) == before


def test_a_reset_ends_all_sessions_and_the_next_log_in_enrolls_anew(
    enrolled: tuple[Authenticator, list[str]], watch: Watch
) -> None:
    inside, waiting = at_the_code(), at_the_code()
    inside.post(CODE, {"code": enrolled[0].code()})
    assert is_in(inside)
    call_command("second_factor", "reset", "dana", "--reason", "Lost the phone; seen in person", stdout=None)
    assert not is_in(inside)
    assert waiting.post(CODE, {"code": enrolled[1][0]}).headers["Location"] == LOG_IN
    assert not RecoveryCode.objects.exists()
    (event,) = recorded("second_factor.reset")
    assert (event.object_name, event.reason, event.actor_kind) == ("dana", "Lost the phone; seen in person", "system")
    fresh = Client()
    assert log_in(fresh).headers["Location"] == ENROLL
    watch.pass_(minutes=1)
    enroll(fresh, watch)
    assert is_in(fresh)


def test_an_auditor_sees_since_when_somebody_has_a_second_factor_and_nothing_of_its_key(
    enrolled: tuple[Authenticator, list[str]],
) -> None:
    user = User.objects.get(username="dana")
    page = text_of(browser(user).get(page_of("Users", Prefix.USER, user.pk)))
    assert re.search(r"Second factor since \d{4}-", page)
    assert "second_factor.enrolled" in page
    assert enrolled[0].key not in page


@pytest.mark.django_db
@pytest.mark.parametrize("username", ["dana", "nobody"])
def test_a_reset_without_anything_to_reset_is_refused(username: str) -> None:
    dana()
    before = contents(without=())
    with pytest.raises(CommandError, match=r"dana has none|no user nobody"):
        call_command("second_factor", "reset", username, "--reason", "why not")
    assert contents(without=()) == before


@pytest.mark.django_db
def test_development_lets_in_by_password_says_so_and_takes_a_second_factor(watch: Watch) -> None:
    dana()
    client = Client()
    assert log_in(client).headers["Location"] == "/admin/"
    assert "You came in by password alone" in text_of(client.get("/admin/"))
    enroll(client, watch)
    assert "by password alone" not in text_of(client.get("/admin/"))
    assert log_in(Client()).headers["Location"] == CODE


def test_one_code_on_two_log_ins_at_once_lets_in_one(committing_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watch_set(monkeypatch)
    user = dana()
    client = Client()
    log_in(client)
    app, codes = enroll(client, watch)
    watch.pass_(minutes=1)

    def prove(code: str) -> bool:
        try:
            second_factor_prove(user=User.objects.get(pk=user.pk), code=code, caller=TESTS)
        except SlipwayError:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(prove, [app.code()] * 4)) == [False, False, False, True]
        watch.pass_(minutes=6)
        assert sorted(threads.map(prove, [codes[0]] * 4)) == [False, False, False, True]
