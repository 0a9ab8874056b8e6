import pytest
from django.db import connection
from django.http import HttpResponse

from platform_api.audit.models import AuditEvent
from platform_api.idempotency.models import IdempotencyKey
from tests.credentials import kept, password_of
from tests.integration.provisioning.house import House, body_of, carry_out, claim, resource_of, shown
from tests.integration.provisioning.problems import refused
from tests.integration.provisioning.together import at_once
from tests.people import Person


def reveal(house: House, resource: str | None = None, *, by: Person | None = None) -> HttpResponse:
    return house.post(f"resources/{resource or house.orders}/credentials", by=by)


def everything() -> str:
    """Return all that any text, JSON or bytes column of any table holds; bytes as they are, and as hex."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c"
            " JOIN pg_class t ON t.relname = c.table_name AND t.relkind = 'r'"
            " WHERE c.table_schema = 'public' AND c.data_type IN"
            " ('text', 'character varying', 'jsonb', 'json', 'bytea', 'ARRAY', 'inet')"
        )
        dumped = []
        for table, column, kind in cursor.fetchall():
            value = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            cursor.execute(f'SELECT string_agg({value}, chr(10)) FROM "{table}"')
            dumped.append(str(cursor.fetchone()[0]))
    return "\n".join(dumped)


@pytest.mark.parametrize("who", ["owner", "lead"])
def test_they_are_shown_once_to_who_ordered_it_or_an_admin(house: House, who: str) -> None:
    person, password = getattr(house.people, who), password_of(resource_of(house.orders))
    answer = reveal(house, by=person)
    assert answer.status_code == 201
    assert body_of(answer) == {
        "username": "checkout_orders",
        "password": password,
        "uri": f"postgresql://checkout_orders:{password}@127.0.0.1:5432/checkout_orders",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    event = AuditEvent.objects.get(action="credentials.revealed")
    assert (event.actor_name, event.object_name, event.team_id, event.project_id) == (
        who, "orders", house.people.shop.pk, house.people.checkout.pk,
    )  # fmt: skip
    shown_at = body_of(house.owner.client.get(f"/api/v1/resources/{house.orders}"))["credentials"]["revealed_at"]
    assert shown_at is not None
    for again in (house.owner, house.people.lead):
        refused(lambda by=again: reveal(house, by=by), 410, "credentials_already_revealed")  # type: ignore[misc]  # a default binds the loop's value


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("teammate", 403, "role_missing"),
        ("viewer", 403, "role_missing"),
        ("approver", 403, "role_missing"),
        ("auditor", 403, "role_missing"),
        ("admin", 403, "role_missing"),
        ("stranger", 404, "not_found"),
    ],
)
def test_nobody_else_is_shown_them(house: House, who: str, status: int, code: str) -> None:
    person: Person = getattr(house.people, who)
    refused(lambda: reveal(house, by=person), status, code)
    event = AuditEvent.objects.get(action="call.refused")
    assert (event.actor_name, event.code) == (who, code)
    assert event.project_id == (None if who == "stranger" else house.people.checkout.pk)
    assert reveal(house).status_code == 201  # the refusals used nothing up


def test_they_are_not_there_before_the_resource_is(house: House) -> None:
    resource = house.ordered()
    refused(lambda: reveal(house, shown(resource)), 409, "credentials_not_ready")
    claimed = claim(resource)
    refused(lambda: reveal(house, shown(resource)), 409, "credentials_not_ready")
    assert claimed.attempt == 1


def test_they_go_with_the_resource(house: House) -> None:
    house.change("deprovision", confirm="orders")
    carry_out(resource_of(house.orders))
    assert kept(resource_of(house.orders)) == []
    refused(lambda: reveal(house), 409, "credentials_not_ready")


def test_of_many_that_ask_at_once_one_is_shown_them(house: House) -> None:
    answers = at_once(8, lambda number: reveal(house, by=house.people.lead if number % 2 else house.owner))
    assert sorted(answer.status_code for answer in answers) == [201] + [410] * 7
    assert sum(b"password" in answer.content for answer in answers) == 1
    assert AuditEvent.objects.filter(action="credentials.revealed").count() == 1


def test_the_password_stands_in_no_table_at_any_time(house: House) -> None:
    resource = resource_of(house.orders)
    password = password_of(resource)
    assert house.orders  # the dump does find what stands in a table:
    assert resource.physical_name in everything()
    assert password not in everything()
    answer = house.post(f"resources/{house.orders}/credentials", key="once")
    assert body_of(answer)["password"] == password
    dumped = everything()
    assert password not in dumped
    assert password[:12] not in dumped
    assert not IdempotencyKey.objects.exists()
    (left,) = kept(resource)
    assert left.password is None
    assert set(left.verifiers) == {"scram-sha-256"}
    assert password not in str(left.verifiers)
    for address in ("", "/credentials"):
        again = house.owner.client.get(f"/api/v1/resources/{house.orders}{address}")
        assert password not in again.content.decode()


def test_another_key_does_not_show_them_again(house: House) -> None:
    address = f"resources/{house.orders}/credentials"
    assert house.post(address, key="once").status_code == 201
    for key in ("once", "twice"):
        assert house.post(address, key=key).status_code == 410
