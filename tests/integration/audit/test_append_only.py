import uuid

import psycopg
import pytest

from platform_api.audit.models import AuditEvent
from platform_api.audit.services.events import event_record
from platform_api.core.callers import system_caller
from tests import databases

USERS = ["DATABASE_URL", "DATABASE_OWNER_URL"]


@pytest.fixture
def event(committing_database: str) -> AuditEvent:
    return event_record(
        caller=system_caller("tests"), action="team.created", object_type="team", object_name="shop", after={"a": 1}
    )


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor_name = 'somebody else'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "UPDATE audit_event_2026 SET actor_name = 'somebody else'",
        "DELETE FROM audit_event_2026",
        "TRUNCATE audit_event_2026",
    ],
)
def test_history_cannot_be_changed(event: AuditEvent, committing_database: str, user: str, statement: str) -> None:
    with databases.connected(user, committing_database) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(statement)
    assert AuditEvent.objects.filter(pk=event.pk, actor_name="tests").exists()


@pytest.mark.parametrize(
    ("event_id", "partition"),
    [
        (uuid.UUID("019b76da-a7ff-7000-8000-000000000000"), "audit_event_other"),  # the last millisecond of 2025
        (uuid.UUID("019b76da-a800-7000-8000-000000000000"), "audit_event_2026"),  # the first of 2026
        (uuid.UUID("ffffffff-ffff-7000-8000-000000000000"), "audit_event_other"),
    ],
)
def test_an_event_lands_in_the_partition_of_its_year(
    committing_database: str, event_id: uuid.UUID, partition: str
) -> None:
    with databases.connected("DATABASE_URL", committing_database) as raw:
        row = raw.execute(
            """
            INSERT INTO audit_event (id, actor_name, actor_kind, auth_method, correlation_id, trace_id, action,
                object_type, object_name, outcome, code, reason)
            VALUES (%s, 'a', 'system', 'internal', 'c', '', 'a.b', 'team', 'n', 'succeeded', '', '')
            RETURNING tableoid::regclass::text
            """,
            [event_id],
        ).fetchone()
    assert row == (partition,)


def test_the_first_millisecond_of_the_year_is_where_the_partition_begins() -> None:
    assert int("019b76daa800", 16) == 1767225600000  # 2026-01-01T00:00:00Z


@pytest.mark.django_db
def test_an_event_knows_the_transaction_that_wrote_it() -> None:
    event = event_record(caller=system_caller("tests"), action="a.b", object_type="team", object_name="n")
    event.refresh_from_db()
    assert event.xid > 0
    assert AuditEvent.objects.filter(xid=event.xid).count() == 1
