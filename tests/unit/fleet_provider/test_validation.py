import pytest

from fleet_provider.clients.scram import VERIFIER, scram_verifier_is_set
from fleet_provider.credentials import PostgresCredentials
from fleet_provider.resources.base import managed_by_faults, name_faults, whole_number_faults
from fleet_provider.resources.mark import mark_make, mark_read
from fleet_provider.resources.postgres_role import _timeout_seconds
from platform_api.core.credentials import scram_sha_256_verifier

GOOD = scram_sha_256_verifier("pencil", salt=b"0123456789abcdef")


@pytest.mark.parametrize("name", ["a", "orders_2", "a" * 63])
def test_a_name_of_lower_case_letters_digits_and_underscores_is_taken(name: str) -> None:
    assert name_faults("name", name) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 64,
        "Orders",
        "2orders",
        "_orders",
        "or-ders",
        "ordérs",
        "orders\n",
        'o"r',
        "pg_orders",
        "postgres",
        "public",
        "none",
        "template0",
    ],
)
def test_any_other_name_is_refused(name: str) -> None:
    (fault,) = name_faults("name", name)
    assert fault.attribute == "name"


@pytest.mark.parametrize("value", ["", "two words", "a" * 201, "-a", "a\n"])
def test_any_other_mark_is_refused(value: str) -> None:
    assert managed_by_faults(value)


@pytest.mark.parametrize("value", ["res_01hx", "team/project:orders", "a" * 200])
def test_a_mark_is_read_back_as_it_was_made(value: str) -> None:
    assert managed_by_faults(value) == []
    assert mark_read(mark_make(value)) == value


@pytest.mark.parametrize("comment", [None, "", "someone's notes", f"{mark_make('res_1')} and more"])
def test_a_comment_that_is_no_mark_names_nobody(comment: str | None) -> None:
    assert mark_read(comment) == ""


@pytest.mark.parametrize("value", [-1, 0, 10, 10.0])
def test_a_whole_number_in_range_is_taken(value: float) -> None:
    assert whole_number_faults("limit", value, lowest=-1, highest=10, meaning="") == []


@pytest.mark.parametrize("value", [-2, 11, 0.5, True, "5", float("inf"), "9" * 40])
def test_any_other_number_is_refused(value: object) -> None:
    assert whole_number_faults("limit", value, lowest=-1, highest=10, meaning="")


@pytest.mark.parametrize(
    "value",
    [
        "pencil",
        "",
        "md5" + "0" * 32,
        GOOD + "\n",
        " " + GOOD,
        GOOD[:-1],
        GOOD.replace("SCRAM-SHA-256", "SCRAM-SHA-512"),
        GOOD.replace("4096", "0"),
        GOOD.replace("4096", "+4096"),
        scram_sha_256_verifier("pencil", salt=b"short"),
    ],
)
def test_what_is_not_exactly_a_verifier_is_refused_for_postgresql_would_take_it_in_clear(value: str) -> None:
    assert VERIFIER.fullmatch(GOOD)
    assert not VERIFIER.fullmatch(value)


@pytest.mark.parametrize(
    ("setting", "seconds"),
    [("30s", 30), ("30000", 30), ("2min", 120), ("1h", 3600), ("500ms", 0.5), ("0", 0), ("1 d", 86400)],
)
def test_a_timeout_is_read_in_every_unit_that_postgresql_knows(setting: str, seconds: float) -> None:
    assert _timeout_seconds(["search_path=x", f"statement_timeout={setting}"]) == seconds


def test_a_timeout_that_is_not_set_is_none() -> None:
    assert _timeout_seconds(["search_path=x"]) is None


def test_without_an_answer_nothing_is_said_about_the_password() -> None:
    nobody = PostgresCredentials(
        host="127.0.0.1", port=1, user="a", password="b", database="c", public_host="d", public_port=1
    )
    assert scram_verifier_is_set(nobody, role="orders", verifier=GOOD) is None
