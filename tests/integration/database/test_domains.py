"""Domains are frozen in migrations; what the models say of the same columns is held against them."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.db import DataError, IntegrityError, connection, transaction

from governance.models.quotas import KIND_PATTERN
from platform_api.core.domains import NATURAL, NumberInDomain, TextInDomain
from platform_api.tenancy.models.teams import SLUG_PATTERN
from provisioning.models.lifecycle import LifecycleMove

FIELDS = [
    (model._meta.db_table, field)
    for model in apps.get_models()
    for field in model._meta.concrete_fields
    if isinstance(field, TextInDomain | NumberInDomain)
]
WORDS = {
    field.domain: [word for word, _ in field.choices] for _, field in FIELDS if isinstance(field.choices, list | tuple)
}
PATTERNS = {"resource_name": SLUG_PATTERN, "quota_kind": KIND_PATTERN}

pytestmark = pytest.mark.django_db


def taken(domain: str, value: Any) -> bool:
    """Whether the domain takes a value."""
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(f"SELECT %s::{domain}", [value])
        except (IntegrityError, DataError):
            return False
        return True


def rule(domain: str) -> str:
    """What PostgreSQL says of the domain's rule."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [f"{domain}_is_sound"])
        return str(cursor.fetchone()[0])


@pytest.mark.parametrize(("table", "field"), FIELDS, ids=[f"{table}.{field.name}" for table, field in FIELDS])
def test_a_column_is_in_the_domain_that_its_field_names(table: str, field: TextInDomain | NumberInDomain) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT domain_name FROM information_schema.columns WHERE table_name = %s AND column_name = %s",
            [table, field.column],
        )
        assert cursor.fetchone() == (field.domain,)


def test_every_domain_is_held_against_something() -> None:
    assert {field.domain for _, field in FIELDS} == {*WORDS, *PATTERNS, NATURAL}


@pytest.mark.parametrize("domain", sorted(WORDS))
def test_a_domain_of_words_has_exactly_those_of_the_model(domain: str) -> None:
    assert all(taken(domain, word) for word in WORDS[domain])
    assert not taken(domain, "other")
    assert not taken(domain, "")
    assert sorted(re.findall(r"'(\w+)'", rule(domain))) == sorted(WORDS[domain])


@pytest.mark.parametrize("domain", sorted(PATTERNS))
def test_a_domain_of_a_form_has_the_model_s_pattern(domain: str) -> None:
    assert f"'{PATTERNS[domain]}'" in rule(domain)


@pytest.mark.parametrize(("number", "is_taken"), [(0, True), (2**31 - 1, True), (-1, False), (-(2**31), False)])
def test_natural_numbers_are_never_negative(number: int, is_taken: bool) -> None:  # noqa: FBT001 - a table of cases
    assert taken(NATURAL, number) is is_taken


def test_the_guard_of_lifecycles_is_told_a_beginning_that_is_allowed() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, convert_from(trim(trailing '\\x00'::bytea from tgargs), 'UTF8')"
            " FROM pg_trigger WHERE tgname LIKE '%%_lifecycle' AND NOT tgisinternal"
        )
        told = dict(cursor.fetchall())
    allowed = dict(LifecycleMove.objects.filter(source="").values_list("machine", "target"))
    assert told == allowed
