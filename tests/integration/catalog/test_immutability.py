import psycopg
import pytest

from catalog.manifest.reading import candidate_read
from catalog.models import OfferingVersion, Plan
from catalog.services.publishing import version_publish
from tests import databases
from tests.integration.catalog.conftest import Publish
from tests.modules import module_write
from tests.people import TESTS

OWNER, SERVICE = "DATABASE_OWNER_URL", "DATABASE_URL"
REFUSED = (psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)


@pytest.fixture(scope="module")
def published(standing_database: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database with a version that is published."""
    candidate = candidate_read(module_write(tmp_path_factory.mktemp("module")))
    version_publish(candidate=candidate, caller=TESTS)
    return standing_database


@pytest.fixture
def version(committing_database: str, publish: Publish) -> OfferingVersion:
    return publish()


@pytest.mark.parametrize("user", [OWNER, SERVICE])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE offering_version SET digest = repeat('0', 64)",
        "UPDATE offering_version SET module = ''",
        "UPDATE offering_version SET manifest = '{}'",
        "UPDATE offering_version SET parameters_schema = '{}'",
        "UPDATE offering_version SET variables = '[]'",
        "UPDATE offering_version SET outputs = '[]'",
        "UPDATE offering_version SET version = '9.9.9'",
        "UPDATE offering_version SET connection_kind = 'aws'",
        "UPDATE offering_version SET published_at = now()",
        "UPDATE offering_version SET published_by = 'somebody else'",
        "UPDATE offering_version SET status = 'deprecated', manifest = '{}'",
        "DELETE FROM offering_version",
        "TRUNCATE offering_version CASCADE",
        "UPDATE plan SET monthly_amount = 0",
        "UPDATE plan SET quota_points = 0",
        "UPDATE plan SET parameters = '{}'",
        "UPDATE plan SET limits = '{}'",
        "UPDATE plan SET slug = 'huge'",
        "DELETE FROM plan",
        "TRUNCATE plan CASCADE",
    ],
)
def test_what_is_published_cannot_be_changed(published: str, user: str, statement: str) -> None:
    before = rows()
    assert all(before)
    with databases.connected(user, published) as raw, pytest.raises(REFUSED):
        raw.execute(statement)
    assert rows() == before


def rows() -> list[object]:
    return [list(OfferingVersion.objects.values()), list(Plan.objects.values())]


@pytest.mark.parametrize("user", [OWNER, SERVICE])
def test_a_status_moves_forward_and_never_back(version: OfferingVersion, committing_database: str, user: str) -> None:
    with databases.connected(user, committing_database) as raw:
        raw.execute("UPDATE offering_version SET status = 'deprecated', sunset_at = now()")
        raw.execute("UPDATE offering_version SET status = 'retired'")
        raw.execute("UPDATE plan SET status = 'retired'")
        for statement in (
            "UPDATE offering_version SET status = 'deprecated'",
            "UPDATE offering_version SET status = 'published', sunset_at = NULL",
            "UPDATE plan SET status = 'active'",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="moves forward only"):
                raw.execute(statement)
    version.refresh_from_db()
    assert version.status == "retired"


def test_the_service_may_update_no_more_than_a_status(version: OfferingVersion, committing_database: str) -> None:
    with databases.connected(SERVICE, committing_database) as raw:
        allowed = raw.execute(
            """
            SELECT table_name, column_name FROM information_schema.column_privileges
            WHERE privilege_type = 'UPDATE' AND table_name IN ('offering', 'offering_version', 'plan')
              AND grantee = current_user ORDER BY 1, 2
            """
        ).fetchall()
    assert allowed == [
        ("offering", "status"),
        ("offering_version", "status"),
        ("offering_version", "sunset_at"),
        ("plan", "status"),
    ]
