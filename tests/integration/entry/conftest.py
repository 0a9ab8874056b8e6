import pytest
from django.conf import LazySettings

from tests.integration.entry.door import Watch, watch_set


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The service's clock."""
    return watch_set(monkeypatch)


@pytest.fixture
def demanding(settings: LazySettings) -> None:
    """An installation that demands a second factor, as production does."""
    settings.SECOND_FACTOR_REQUIRED = True
