"""What is kept of who may do what, and what ends it: triggers, and processes that know nothing of each other."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from platform_api.core.keeping import Generation
from platform_api.tenancy.models import ApiToken, User
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.services.teams import project_create, role_grant, role_revoke, team_create, team_rename
from platform_api.tenancy.services.tokens import token_issue, token_revoke
from platform_api.tenancy.services.users import user_create
from tests.integration.tenancy import watching_process
from tests.people import TESTS, People

WITHIN_A_SECOND = round(1 / watching_process.STEP_SECONDS)


@pytest.fixture
def elsewhere(committing_database: str) -> Iterator[Executor]:
    start: Any = watching_process.start  # mypy takes an initializer for one without arguments
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=start, initargs=(committing_database,)
    ) as pool:
        yield pool


def calls_until(expected: str, pool: Executor, secret: str) -> int:
    """Call from elsewhere until the answer is as expected, for a second of that process's clock; return how often."""
    for number in range(1, WITHIN_A_SECOND + 1):
        if pool.submit(watching_process.call, secret).result(timeout=60)[0] == expected:
            return number
    pytest.fail(f"not {expected!r} within a second")


def test_what_another_process_keeps_ends_within_a_second(elsewhere: Executor, committed_people: People) -> None:
    people = committed_people
    secret, user = people.owner.secret, people.owner.user
    calls_until("developer", elsewhere, secret)
    role_grant(user=user, role=Role.APPROVER, on=people.shop, caller=TESTS)
    calls_until("approver developer", elsewhere, secret)
    role_revoke(user=user, role=Role.DEVELOPER, on=people.checkout, caller=TESTS)
    calls_until("approver", elsewhere, secret)
    group = Group.objects.create(name="viewers")
    assign_perm(Role.VIEWER.value, group, people.shop)
    group.user_set.add(user)
    calls_until("approver viewer", elsewhere, secret)
    group.user_set.remove(user)
    calls_until("approver", elsewhere, secret)
    User.objects.filter(pk=user.pk).update(is_active=False)
    calls_until("token_invalid", elsewhere, secret)
    User.objects.filter(pk=user.pk).update(is_active=True)
    calls_until("approver", elsewhere, secret)
    token_revoke(token=ApiToken.objects.get(user=user), caller=TESTS)
    calls_until("token_invalid", elsewhere, secret)


def test_while_nothing_changes_many_holders_are_kept_and_only_the_generation_is_looked_at(
    elsewhere: Executor, committed_people: People
) -> None:
    owner = committed_people.owner.user
    secrets = [token_issue(user=owner, name=f"t{number}", caller=TESTS).secret for number in range(30)]
    for _ in range(2):  # the first use of each is written down
        for secret in secrets:
            elsewhere.submit(watching_process.call, secret).result(timeout=60)
    statements = [elsewhere.submit(watching_process.call, secret).result(timeout=60)[1] for secret in secrets]
    assert sum(statements) == len(secrets) * watching_process.STEP_SECONDS / 0.5
    assert set(statements) == {0, 1}


def moved(change: Callable[[], object]) -> int:
    """Return by how much a transaction moves the generation."""
    before = Generation("tenancy").number()
    with transaction.atomic():
        change()
    return Generation("tenancy").number() - before


def test_a_transaction_moves_the_generation_once_however_much_it_changes(committed_people: People) -> None:
    people = committed_people
    users = [people.owner.user, people.teammate.user, people.viewer.user]

    def change() -> None:
        for user in users:
            role_grant(user=user, role=Role.ADMIN, on=people.shop, caller=TESTS)
            role_grant(user=user, role=Role.ADMIN, on=people.checkout, caller=TESTS)
        User.objects.update(name="Someone")

    assert moved(change) == 1


def test_a_transaction_that_is_taken_back_moves_nothing(committed_people: People) -> None:
    owner, shop = committed_people.owner.user, committed_people.shop

    def change() -> None:
        role_grant(user=owner, role=Role.ADMIN, on=shop, caller=TESTS)
        transaction.set_rollback(True)

    assert moved(change) == 0


def test_what_changes_nothing_for_who_is_kept_moves_nothing(committed_people: People) -> None:
    people = committed_people
    token = ApiToken.objects.get(user=people.owner.user)
    assert moved(lambda: token_issue(user=people.owner.user, name="another", caller=TESTS)) == 0
    assert moved(lambda: user_create(username="newcomer", caller=TESTS)) == 0
    assert moved(lambda: ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now())) == 0
    assert moved(lambda: User.objects.filter(pk=people.owner.user.pk).update(last_login=timezone.now())) == 0
    assert moved(token.save) == 0


def test_every_table_that_a_caller_is_made_of_moves_the_generation(committed_people: People) -> None:
    people = committed_people
    owner, shop, checkout = people.owner.user, people.shop, people.checkout
    group = Group.objects.create(name="g")
    changes: dict[str, Callable[[], object]] = {
        "a team": lambda: team_create(slug="more", name="More", caller=TESTS),
        "a team's name": lambda: team_rename(team=shop, name="Shops", caller=TESTS),
        "a project": lambda: project_create(team=shop, slug="more", name="More", caller=TESTS),
        "a group's role on a team": lambda: assign_perm("viewer", group, shop),
        "a group's role on a project": lambda: assign_perm("viewer", group, checkout),
        "a group's role taken": lambda: remove_perm("viewer", group, checkout),
        "a member": lambda: group.user_set.add(owner),
        "a user's role on a team": lambda: assign_perm("viewer", owner, shop),
        "a user's role on a project": lambda: assign_perm("viewer", owner, checkout),
        "a role taken": lambda: remove_perm("viewer", owner, checkout),
        "an overseer": lambda: User.objects.filter(pk=owner.pk).update(is_auditor=True),
        "a token's end": lambda: token_revoke(token=ApiToken.objects.get(user=owner), caller=TESTS),
    }
    assert {name: moved(change) for name, change in changes.items()} == dict.fromkeys(changes, 1)


def test_a_generation_that_nobody_made_is_told(db: None) -> None:
    with pytest.raises(LookupError, match="no generation moon; run migrate"):
        Generation("moon").number()


def test_the_service_cannot_unmake_a_generation(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('generation', 'INSERT, DELETE, TRUNCATE')")
        assert cursor.fetchone() == (False,)
