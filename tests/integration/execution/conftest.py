from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.factories import Orders
from tests.people import People


@pytest.fixture(autouse=True)
def roomy_quotas(settings: LazySettings) -> None:
    settings.QUOTA_DEFAULTS = {scope: {"points": 1000, "count": 1000} for scope in settings.QUOTA_DEFAULTS}


@pytest.fixture
def orders(people: People, tmp_path: Path) -> Orders:
    """Ordered resources, rolled back with the test."""
    return Orders(people, tmp_path)


@pytest.fixture
def committed_orders(committed_people: People, tmp_path: Path) -> Orders:
    """Ordered resources in a database of the test's own, whose rows other connections see."""
    return Orders(committed_people, tmp_path)
