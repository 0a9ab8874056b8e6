import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from governance.models import Pool, Quota, QuotaEntry
from governance.selectors.quotas import quota_reconcile
from governance.services.quota_limits import (
    LimitNegativeError,
    LimitReasonMissingError,
    PlatformAdminNeededError,
    QuotaVersionMismatchError,
    quota_limit_set,
    quotas_ensure,
)
from governance.services.quotas import (
    QuotaExceededError,
    quota_change,
    quota_commit,
    quota_release,
    quota_reserve_together,
    quotas_lock,
)
from platform_api.audit.models import AuditEvent
from platform_api.core.ids import UnknownIdError, new_id
from tests import databases
from tests.integration.governance.facts import CHECKOUT, figures, moves
from tests.people import TESTS, People

BOTH = [Pool.RESERVED, Pool.USED]


def limit(scope: str, kind: str, to: int) -> None:
    quotas_ensure(facts=CHECKOUT, kinds=[kind])
    assert Quota.objects.filter(scope_name=scope, kind=kind).update(limit=to)


@pytest.mark.django_db
def test_quotas_are_made_with_the_limits_of_the_settings_and_in_the_order_of_locks() -> None:
    made = quotas_ensure(facts=CHECKOUT, kinds=["count:database", "points"])
    assert [(row.scope_name, row.kind, row.limit) for row in made] == [
        ("project:checkout", "points", 20), ("project:checkout", "count:database", 10),
        ("team:shop", "points", 60), ("team:shop", "count:database", 30),
    ]  # fmt: skip


@pytest.mark.django_db
def test_making_quotas_again_keeps_what_is_there() -> None:
    limit("project:checkout", "points", 5)
    before = [row.pk for row in quotas_ensure(facts=CHECKOUT, kinds=["points"])]
    again = quotas_ensure(facts=CHECKOUT, kinds=["points", "count:queue"])
    assert len(again) == 4
    assert {row.pk for row in again} >= set(before)
    assert Quota.objects.get(scope_name="project:checkout", kind="points").limit == 5


@pytest.mark.django_db
def test_a_reservation_stands_in_project_and_team_and_in_the_ledger() -> None:
    subject = new_id()
    taken = quota_reserve_together(
        facts=CHECKOUT, amounts={subject: {"points": 2, "count:database": 1}}, caller=TESTS, reason="orders"
    )
    assert [(quota.scope_name, quota.held, amount) for quota, amount in taken[subject]] == [
        ("project:checkout", 2, 2), ("project:checkout", 1, 1), ("team:shop", 2, 2), ("team:shop", 1, 1),
    ]  # fmt: skip
    assert set(figures().values()) == {(2, 0), (1, 0)}
    assert moves(subject) == [
        ("project", "reserve", "reserved", 2), ("project", "reserve", "reserved", 1),
        ("team", "reserve", "reserved", 2), ("team", "reserve", "reserved", 1),
    ]  # fmt: skip
    entry = QuotaEntry.objects.filter(subject_id=subject).earliest("id")
    assert (entry.actor_name, entry.reason, entry.reserved_after, entry.used_after) == ("tests", "orders", 2, 0)


@pytest.mark.django_db
def test_commit_moves_what_is_reserved_to_used_once() -> None:
    subject = new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 3}}, caller=TESTS)
    for _ in range(2):
        quota_commit(subject_id=subject, caller=TESTS)
    assert set(figures().values()) == {(0, 3)}
    assert [move for _, move, _, _ in moves(subject)] == ["reserve", "reserve", "commit", "commit"]


@pytest.mark.django_db
@pytest.mark.parametrize("is_committed", [False, True])
def test_release_gives_back_once_and_says_from_where(*, is_committed: bool) -> None:
    subject, other = new_id(), new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={other: {"points": 1}}, caller=TESTS)
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 3}}, caller=TESTS)
    if is_committed:
        quota_commit(subject_id=subject, caller=TESTS)
    for _ in range(2):
        quota_release(subject_id=subject, pools=BOTH, caller=TESTS)
    assert set(figures().values()) == {(1, 0)}
    source = "used" if is_committed else "reserved"
    assert moves(subject)[-2:] == [("project", "release", source, 3), ("team", "release", source, 3)]


@pytest.mark.django_db
def test_a_release_of_the_reservation_leaves_what_is_used() -> None:
    subject = new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 2}}, caller=TESTS)
    quota_commit(subject_id=subject, caller=TESTS)
    quota_change(facts=CHECKOUT, subject_id=subject, amounts={"points": 8}, caller=TESTS)
    assert set(figures().values()) == {(6, 2)}
    quota_release(subject_id=subject, pools=[Pool.RESERVED], caller=TESTS)
    assert set(figures().values()) == {(0, 2)}


@pytest.mark.django_db
def test_an_exceeded_quota_is_told_with_its_figures_and_nothing_is_reserved() -> None:
    quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 18}}, caller=TESTS)
    subject = new_id()
    with pytest.raises(QuotaExceededError) as caught:
        quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 8, "count:database": 1}}, caller=TESTS)
    assert caught.value.detail == "One quota refuses it. Nothing was changed."
    assert caught.value.errors == [
        {
            "pointer": "#/project", "code": "quota_exceeded", "kind": "points", "scope": "project:checkout",
            "limit": 20, "used": 18, "requested": 8, "detail": "8 points asked, 2 left in project:checkout.",
            "remedy": "Give back what is not needed, or ask the platform team to raise the limit.",
        }
    ]  # fmt: skip
    assert moves(subject) == []
    assert figures()["project:checkout points"] == figures()["team:shop points"] == (18, 0)


@pytest.mark.django_db
def test_every_exceeded_quota_is_told_at_once() -> None:
    limit("team:shop", "points", 1)
    limit("project:checkout", "count:database", 0)
    with pytest.raises(QuotaExceededError) as caught:
        quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 2, "count:database": 1}}, caller=TESTS)
    assert [(found["scope"], found["kind"]) for found in caught.value.errors] == [
        ("project:checkout", "count:database"), ("team:shop", "points"),
    ]  # fmt: skip
    assert caught.value.errors[0]["detail"] == "1 of kind database asked, 0 left in project:checkout."


@pytest.mark.django_db
def test_several_subjects_reserve_together_each_with_entries_of_its_own() -> None:
    first, second = new_id(), new_id()
    amounts = {first: {"points": 2, "count:database": 1}, second: {"points": 3, "count:queue": 1}}
    taken = quota_reserve_together(facts=CHECKOUT, amounts=amounts, caller=TESTS, reason="orders")
    told = {
        subject: [(quota.scope_name, quota.kind, quota.reserved, amount) for quota, amount in rows]
        for subject, rows in taken.items()
    }
    assert told == {
        first: [
            ("project:checkout", "points", 2, 2), ("project:checkout", "count:database", 1, 1),
            ("team:shop", "points", 2, 2), ("team:shop", "count:database", 1, 1),
        ],
        second: [
            ("project:checkout", "points", 5, 3), ("project:checkout", "count:queue", 1, 1),
            ("team:shop", "points", 5, 3), ("team:shop", "count:queue", 1, 1),
        ],
    }  # fmt: skip
    quota_release(subject_id=first, pools=BOTH, caller=TESTS)
    assert figures() == {
        "project:checkout points": (3, 0), "project:checkout count:database": (0, 0),
        "project:checkout count:queue": (1, 0), "team:shop points": (3, 0), "team:shop count:database": (0, 0),
        "team:shop count:queue": (1, 0),
    }  # fmt: skip


@pytest.mark.django_db
def test_what_several_need_together_is_judged_as_one_and_none_gets_anything() -> None:
    limit("project:checkout", "points", 5)
    amounts = {new_id(): {"points": 3}, new_id(): {"points": 3}}
    with pytest.raises(QuotaExceededError) as caught:
        quota_reserve_together(facts=CHECKOUT, amounts=amounts, caller=TESTS)
    (finding,) = caught.value.errors
    assert (finding["requested"], finding["used"], finding["limit"]) == (6, 0, 5)
    assert QuotaEntry.objects.count() == 0
    limit("project:checkout", "points", 6)
    quota_reserve_together(facts=CHECKOUT, amounts=amounts, caller=TESTS)


def test_what_is_locked_for_several_waits_for_all_of_it(committing_database: str) -> None:
    subjects = [new_id(), new_id()]
    amounts = {subjects[0]: {"points": 1, "count:queue": 1}, subjects[1]: {"points": 1, "count:database": 1}}
    quota_reserve_together(facts=CHECKOUT, amounts=amounts, caller=TESTS)
    with transaction.atomic():
        quotas_lock(subject_ids=subjects)
        with databases.connected("DATABASE_URL", committing_database) as other:
            free = other.execute("SELECT kind FROM quota FOR NO KEY UPDATE SKIP LOCKED").fetchall()
    assert free == []


@pytest.mark.django_db
def test_the_last_slot_can_be_taken_and_not_one_more() -> None:
    quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 20}}, caller=TESTS)
    with pytest.raises(QuotaExceededError):
        quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 1}}, caller=TESTS)


@pytest.mark.django_db
def test_a_limit_below_what_is_held_takes_nothing_away_and_still_lets_commit_and_release() -> None:
    subject = new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 5}}, caller=TESTS)
    limit("project:checkout", "points", 1)
    quota_commit(subject_id=subject, caller=TESTS)
    assert set(figures().values()) == {(0, 5)}
    with pytest.raises(QuotaExceededError) as caught:
        quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 1}}, caller=TESTS)
    assert caught.value.errors[0]["detail"] == "1 point asked, 0 left in project:checkout."
    quota_release(subject_id=subject, pools=BOTH, caller=TESTS)
    assert set(figures().values()) == {(0, 0)}


@pytest.mark.django_db
def test_a_change_reserves_only_the_difference_and_once() -> None:
    subject = new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 2}}, caller=TESTS)
    quota_commit(subject_id=subject, caller=TESTS)
    for _ in range(2):
        quota_change(facts=CHECKOUT, subject_id=subject, amounts={"points": 8}, caller=TESTS)
    assert set(figures().values()) == {(6, 2)}
    quota_commit(subject_id=subject, caller=TESTS)
    assert set(figures().values()) == {(0, 8)}


@pytest.mark.django_db
def test_a_change_to_less_gives_back_the_difference_from_what_is_reserved_first() -> None:
    subject = new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 4}}, caller=TESTS)
    quota_commit(subject_id=subject, caller=TESTS)
    quota_change(facts=CHECKOUT, subject_id=subject, amounts={"points": 6}, caller=TESTS)
    for _ in range(2):
        quota_change(facts=CHECKOUT, subject_id=subject, amounts={"points": 1}, caller=TESTS)
    assert set(figures().values()) == {(0, 1)}
    assert moves(subject)[-4:] == [
        ("project", "adjust", "reserved", -2), ("project", "adjust", "used", -3),
        ("team", "adjust", "reserved", -2), ("team", "adjust", "used", -3),
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_change_that_exceeds_a_quota_changes_nothing() -> None:
    subject = new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 2, "count:queue": 1}}, caller=TESTS)
    before = figures()
    with pytest.raises(QuotaExceededError) as caught:
        quota_change(facts=CHECKOUT, subject_id=subject, amounts={"count:queue": 0, "points": 21}, caller=TESTS)
    assert [found["requested"] for found in caught.value.errors] == [19]
    assert figures() == before


@pytest.mark.django_db
def test_only_a_platform_admin_sets_a_limit(people: People) -> None:
    quota = quotas_ensure(facts=CHECKOUT, kinds=["points"])[0]
    for name in ("lead", "auditor", "owner", "stranger"):
        with pytest.raises(PlatformAdminNeededError):
            quota_limit_set(
                quota_id=quota.pk, limit=99, version=1, reason="we need more", caller=getattr(people, name).caller
            )
    quota.refresh_from_db()
    assert (quota.limit, quota.version) == (20, 1)
    assert not AuditEvent.objects.filter(action="quota.limit_set").exists()


@pytest.mark.django_db
def test_a_limit_is_set_with_a_reason_and_audited(people: People) -> None:
    facts = type(CHECKOUT)(
        project_id=people.checkout.pk, project_slug="checkout", team_id=people.shop.pk, team_slug="shop"
    )
    of_project, of_team = quotas_ensure(facts=facts, kinds=["points"])
    caller = people.admin.caller
    quota_limit_set(quota_id=of_project.pk, limit=40, version=1, reason="Black Friday", caller=caller)
    quota_limit_set(quota_id=of_team.pk, limit=0, version=1, reason="team is closing", caller=caller)
    events = AuditEvent.objects.filter(action="quota.limit_set").order_by("id")
    assert [(event.before, event.after, event.reason, event.project_id, event.team_id) for event in events] == [
        ({"limit": 20}, {"limit": 40}, "Black Friday", people.checkout.pk, people.shop.pk),
        ({"limit": 60}, {"limit": 0}, "team is closing", None, people.shop.pk),
    ]
    of_project.refresh_from_db()
    assert (of_project.limit, of_project.version) == (40, 2)


@pytest.mark.django_db
def test_a_limit_is_not_set_without_reason_by_an_old_version_or_below_zero(people: People) -> None:
    quota, caller = quotas_ensure(facts=CHECKOUT, kinds=["points"])[1], people.admin.caller
    with pytest.raises(LimitReasonMissingError):
        quota_limit_set(quota_id=quota.pk, limit=1, version=1, reason="   why   ", caller=caller)
    with pytest.raises(LimitNegativeError):
        quota_limit_set(quota_id=quota.pk, limit=-1, version=1, reason="long enough", caller=caller)
    with pytest.raises(QuotaVersionMismatchError, match="has version 1, not 2"):
        quota_limit_set(quota_id=quota.pk, limit=1, version=2, reason="long enough", caller=caller)
    with pytest.raises(UnknownIdError):
        quota_limit_set(quota_id=new_id(), limit=1, version=1, reason="long enough", caller=caller)
    quota.refresh_from_db()
    assert (quota.limit, quota.version) == (60, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["limit", "reserved", "used"])
def test_the_database_keeps_a_quota_from_going_negative(column: str) -> None:
    quotas_ensure(facts=CHECKOUT, kinds=["points"])
    with pytest.raises(IntegrityError, match="natural_number_is_sound"), transaction.atomic():
        Quota.objects.update(**{column: -1})


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["pints", "count:", "count:Database", "points\n"])
def test_a_kind_that_nobody_knows_is_refused_by_the_database(kind: str) -> None:
    with pytest.raises(IntegrityError, match="quota_kind_is_sound"), transaction.atomic():
        Quota.objects.create(scope_type="team", scope_id=new_id(), scope_name="team:x", kind=kind, limit=1)


@pytest.mark.django_db
def test_a_row_that_was_written_without_its_entry_is_found_and_not_mended(capsys: pytest.CaptureFixture[str]) -> None:
    quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 2}}, caller=TESTS)
    call_command("quota_check")
    assert "equals the sum" in capsys.readouterr().out
    Quota.objects.filter(scope_type="team").update(used=7)
    with pytest.raises(CommandError, match="1 of the quotas") as caught:
        call_command("quota_check")
    assert caught.value.returncode == 1
    assert "team:shop points: row reserved 2, used 7; ledger reserved 2, used 0" in capsys.readouterr().out
    assert [found.quota.used for found in quota_reconcile()] == [7]


@pytest.mark.parametrize("user", ["DATABASE_URL", "DATABASE_OWNER_URL"])
@pytest.mark.parametrize(
    "statement", ["UPDATE quota_entry SET amount = 1", "DELETE FROM quota_entry", "TRUNCATE quota_entry"]
)
def test_the_ledger_cannot_be_changed(committing_database: str, user: str, statement: str) -> None:
    quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 2}}, caller=TESTS)
    with databases.connected(user, committing_database) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(statement)
    assert QuotaEntry.objects.filter(amount=2).count() == 2


@pytest.mark.django_db
def test_a_statement_goes_on_where_its_condition_holds() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT refuse_unless(true, 'quota_exceeded')")
        assert cursor.fetchone() == (True,)


@pytest.mark.django_db
@pytest.mark.parametrize("condition", ["false", "null"])
def test_a_statement_refuses_itself_as_a_whole_with_a_code(condition: str) -> None:
    quota = quotas_ensure(facts=CHECKOUT, kinds=["points"])[0]
    with (
        pytest.raises(DatabaseError, match="quota_exceeded") as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"""
            WITH moved AS (UPDATE quota SET used = 1 WHERE id = %s RETURNING id)
            SELECT refuse_unless({condition}, 'quota_exceeded') FROM moved
            """,
            [quota.pk],
        )
    assert getattr(caught.value.__cause__, "sqlstate", None) == "SW001"
    quota.refresh_from_db()
    assert quota.used == 0
