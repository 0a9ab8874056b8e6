from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.manifest.reading import candidate_read
from catalog.models import OfferingVersion
from catalog.services.publishing import version_publish
from tests.modules import module_write
from tests.people import TESTS

Publish = Callable[..., OfferingVersion]


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Publish the test module, with the differences given; see ``module_write``."""

    def from_files(**files: str) -> OfferingVersion:
        candidate = candidate_read(module_write(tmp_path, **files))
        return version_publish(candidate=candidate, caller=TESTS).version

    return from_files
