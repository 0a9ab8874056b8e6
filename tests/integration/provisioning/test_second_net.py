"""PostgreSQL holds the service to its caller's rows, also where a query of ours asks for everybody's."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.db.models import Q

from platform_api.core import row_scope
from platform_api.core.postgresql.base import DatabaseWrapper
from platform_api.core.row_scope import EVERYTHING, NOTHING
from platform_api.tenancy.models import Project, Team
from platform_api.tenancy.models.access import Who
from platform_api.tenancy.selectors.sight import Sight
from platform_api.tenancy.services.teams import project_create
from provisioning.models import Environment, Resource
from provisioning.selectors import resources
from tests.integration.provisioning.house import resource_of
from tests.integration.provisioning.world import World, undone
from tests.people import TESTS

COMMON = {
    "auth_group": "groups come from the sign-on, for all teams",
    "auth_group_permissions": "always empty",
    "auth_permission": "names of roles",
    "connection": "targets are the platform's",
    "connection_team": "targets are the platform's",
    "django_admin_log": "always empty",
    "django_content_type": "names of models",
    "django_migrations": "names of migrations",
    "django_session": "sessions of the admin site, whose keys nobody can guess",
    "guardian_groupobjectpermission": "always empty",
    "guardian_userobjectpermission": "always empty",
    "generation": "numbers that say that something has changed",
    "lifecycle_move": "which moves there are",
    "log_in_throttle": "counts by digests of names and addresses, before there is a caller",
    "offering": "the catalog is everybody's",
    "offering_version": "the catalog is everybody's",
    "plan": "the catalog is everybody's",
    "tenancy_user": "people are of no team, and no route lists them",
    "tenancy_user_groups": "as people",
    "tenancy_user_user_permissions": "always empty",
    "used_identity": "digests of tokens of CI jobs, before there is a caller",
}
"""Tables without a policy, and why none is needed."""


def counted() -> dict[str, int]:
    """Return how many rows each table with a policy shows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace")
        tables = [name for (name,) in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables))
        return dict(cursor.fetchall())


def test_every_table_has_a_policy_or_a_reason_to_have_none(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace AND NOT relrowsecurity"
        )
        assert {name for (name,) in cursor.fetchall()} == COMMON.keys()


def test_without_a_scope_there_is_nothing(world: World) -> None:
    with row_scope.bound(NOTHING):
        assert set(counted().values()) == {0}
    with row_scope.bound(EVERYTHING):
        assert sum(counted().values()) > 20


def test_a_connection_that_says_nothing_sees_nothing(world: World) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=world.house.database, autocommit=True) as raw:
        assert raw.execute("SELECT count(*) FROM resource").fetchone() == (0,)
        with raw.transaction():
            raw.execute("SELECT set_config('slipway.scope', 'all', true)")
            assert raw.execute("SELECT count(*) > 0 FROM resource").fetchone() == (True,)
        assert raw.execute("SELECT count(*) FROM resource").fetchone() == (0,)


@pytest.mark.parametrize(("entry", "expected"), [("platform_api.wsgi", "nothing"), ("platform_api.celery", "all")])
def test_the_api_never_connects_with_everything_in_scope_and_workers_do(entry: str, expected: str) -> None:
    script = (
        f"import {entry}; from django.conf import settings as s; print(s.DATABASES['default']['OPTIONS']['row_scope'])"
    )
    given = {"SLIPWAY_ROW_SCOPE": "all"} if expected == "nothing" else {}
    inherited = {name: value for name, value in os.environ.items() if name != "SLIPWAY_ROW_SCOPE"}
    settings = {"DJANGO_SETTINGS_MODULE": "platform_api.settings.development"}
    told = subprocess.run(
        [sys.executable, "-c", script], env=inherited | settings | given, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == expected


@pytest.mark.parametrize("text", ["", "{}", "{NULL}", "ALL", "all ", "nothing"])
def test_whatever_is_not_a_scope_is_nothing(world: World, text: str) -> None:
    with undone(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('slipway.scope', %s, true)", [text])
        assert set(counted().values()) == {0}


@pytest.fixture
def without_filters(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Break the first net: everybody's sight is of everything."""
    compiled: Any = (resources._resource, resources._request, resources._run)
    monkeypatch.setattr(Sight, "condition", lambda sight, **columns: Q())
    for query in compiled:
        query.cache_clear()
    yield
    for query in compiled:
        query.cache_clear()


@pytest.mark.usefixtures("without_filters")
@pytest.mark.parametrize("who", [Who.STRANGER, Who.STRANGE_SERVICE])
def test_a_selector_that_returns_everything_shows_strangers_nothing(world: World, who: Who) -> None:
    client = world.secrets[who].client
    for noun in ("requests", "resources", "runs", "projects", "teams", "projects/spy/environments"):
        answer = client.get(f"/api/v1/{noun}")
        assert answer.status_code == 200
        assert len(answer.json()["results"]) == 1
        assert not [mark for mark in world.marks if mark in answer.content.decode()], noun
    for noun, kind in (("requests", "request_id"), ("resources", "resource_id"), ("runs", "run_id"),
                       ("environments", "environment_id"), ("projects", "project")):  # fmt: skip
        assert client.get(f"/api/v1/{noun}/{world.ids[kind]}").status_code == 404, noun
    assert client.get(f"/api/v1/runs/{world.ids['run_id']}/log").status_code == 404


def test_broken_filters_are_a_broken_first_net(world: World, without_filters: None) -> None:
    with row_scope.bound(EVERYTHING):
        stranger = world.people.stranger.caller
        assert {row.project.slug for row in resources.resources_seen(Sight.of(stranger))} == {"checkout", "spy"}
        assert resources.resource_get(caller=stranger, resource=world.house.orders).project.slug == "checkout"


def test_a_row_of_others_is_neither_changed_nor_made(world: World) -> None:
    orders = resource_of(world.house.orders)
    scope = world.people.stranger.caller.row_scope
    with undone(), row_scope.bound(scope):
        assert Resource.objects.filter(pk=orders.pk).update(delete_protected=True) == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Environment.objects.create(project_id=orders.project_id, name="planted", tier="staging")


def test_a_project_alone_does_not_bring_the_teams_others(world: World) -> None:
    with undone():
        other = project_create(team=world.people.shop, slug="other", name="Other", caller=TESTS)
        with row_scope.bound(world.people.owner.caller.row_scope):
            assert [project.slug for project in Project.objects.all()] == ["checkout"]
            assert [team.slug for team in Team.objects.all()] == ["shop"]  # whose quota they take from
        with row_scope.bound(world.people.viewer.caller.row_scope):
            assert other in Project.objects.all()  # made just now, of a team that they are in


@pytest.fixture
def pooled(world: World) -> Iterator[DatabaseWrapper]:
    """A connection as a process of the API has it: from a pool, here of one, and opened with nothing in scope."""
    settings = connection.settings_dict
    options = {**settings["OPTIONS"], "row_scope": "nothing", "pool": {"min_size": 1, "max_size": 1, "timeout": 5}}
    made = DatabaseWrapper({**settings, "OPTIONS": options, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}, "pooled")
    yield made
    made.close()
    made.close_pool()


def seen(pooled: DatabaseWrapper) -> tuple[list[str], int]:
    """Return whose projects a statement of its own sees, and on which of the server's connections."""
    with pooled.cursor() as cursor:
        cursor.execute("SELECT coalesce(array_agg(slug ORDER BY slug), '{}'), pg_backend_pid() FROM project")
        slugs, pid = cursor.fetchone()
    return slugs, pid


def failed(pooled: DatabaseWrapper) -> None:
    with pytest.raises(DatabaseError), pooled.cursor() as cursor:
        cursor.execute("SELECT 1 / (SELECT count(*) - count(*) FROM project)")


def within(pooled: DatabaseWrapper, use: Callable[[DatabaseWrapper], object], *, end: Callable[[], None]) -> None:
    pooled.set_autocommit(False)
    use(pooled)
    end()
    pooled.set_autocommit(True)


USES: dict[str, Callable[[DatabaseWrapper], object]] = {
    "statement": seen,
    "failed statement": failed,
    "transaction": lambda pooled: within(pooled, seen, end=pooled.commit),
    "transaction rolled back": lambda pooled: within(pooled, seen, end=pooled.rollback),
    "failed transaction": lambda pooled: within(pooled, failed, end=pooled.rollback),
}


@pytest.mark.parametrize("how", USES)
def test_no_scope_goes_to_the_next_user_of_a_connection(world: World, pooled: DatabaseWrapper, how: str) -> None:
    people = world.people
    shop, rivals = people.teammate.caller.row_scope, people.stranger.caller.row_scope
    pids = set()
    for scope, expected in [(shop, ["checkout"]), (rivals, ["spy"])] * 3:
        with row_scope.bound(scope):
            USES[how](pooled)
            assert seen(pooled)[0] == expected
        pooled.close()  # goes back to the pool
        slugs, pid = seen(pooled)
        assert slugs == []
        pids.add(pid)
        pooled.close()
    assert len(pids) == 1


def test_a_scope_that_changes_within_a_transaction_counts_at_once_and_after_a_rollback(world: World) -> None:
    with undone(), row_scope.bound(world.people.stranger.caller.row_scope):
        assert [project.slug for project in Project.objects.all()] == ["spy"]
        with transaction.atomic():
            with row_scope.platform():
                assert Project.objects.count() == 2
            transaction.set_rollback(True)
        assert [project.slug for project in Project.objects.all()] == ["spy"]
        with transaction.atomic():
            row_scope.enter(world.people.teammate.caller.row_scope)
            assert [project.slug for project in Project.objects.all()] == ["checkout"]
            transaction.set_rollback(True)
        assert [project.slug for project in Project.objects.all()] == ["checkout"]
    assert Project.objects.count() == 2


def test_models_and_tables_are_the_same(world: World) -> None:
    assert {model._meta.db_table for model in apps.get_models()} - COMMON.keys() == counted().keys()
