from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from django.db import connection

from catalog.manifest.reading import candidate_read
from catalog.models import OfferingVersion, Plan
from catalog.services.publishing import version_publish
from platform_api.audit.models import AuditEvent
from tests.modules import module_write
from tests.people import TESTS


def test_two_publishers_of_one_version_make_one(committing_database: str, tmp_path: Path) -> None:
    candidate = candidate_read(module_write(tmp_path))
    together = Barrier(2)

    def publish_one(_: int) -> bool:
        together.wait(timeout=10)
        try:
            return version_publish(candidate=candidate, caller=TESTS).is_new
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(publish_one, range(2))) == [False, True]
    assert OfferingVersion.objects.count() == 1
    assert Plan.objects.count() == 2
    assert AuditEvent.objects.filter(action="offering_version.published").count() == 1
