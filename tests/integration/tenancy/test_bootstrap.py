import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from platform_api.audit.models import AuditEvent
from platform_api.tenancy.models import Project, User
from tests.people import People

pytestmark = pytest.mark.django_db


def bootstrap(**options: str) -> dict[str, str | None]:
    out = StringIO()
    call_command("bootstrap", json=True, stdout=out, **options)
    made: dict[str, str | None] = json.loads(out.getvalue())
    return made


def test_bootstrap_makes_an_admin_whose_token_works_and_whose_password_logs_in() -> None:
    made = bootstrap(team="shop", project="checkout")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert client.get("/api/v1/projects/checkout").json()["team"] == "shop"
    user = User.objects.get(username="admin")
    assert user.check_password(str(made["password"]))
    assert user.is_staff
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {
        "user.created", "team.created", "project.created", "role.granted", "token.issued",
    }  # fmt: skip
    assert str(made["password"]) not in str(list(AuditEvent.objects.values()))


def test_bootstrap_repeated_keeps_what_is_there_and_gives_a_new_token() -> None:
    first, second = bootstrap(), bootstrap()
    assert second["password"] is None
    assert first["token"] != second["token"]
    assert (User.objects.count(), Project.objects.count()) == (1, 1)


def test_bootstrap_refuses_another_teams_project_and_changes_nothing(people: People) -> None:
    assert people.checkout.slug == "checkout"
    with pytest.raises(CommandError, match="There is a project checkout already"):
        bootstrap(team="thieves", project="checkout")
    assert not User.objects.filter(username="admin").exists()
