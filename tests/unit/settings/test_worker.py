import pytest
from django.core.exceptions import ImproperlyConfigured

from catalog.models import connections
from platform_api.settings.components import worker
from provisioning import dispatch


@pytest.fixture(autouse=True)
def pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_WORKER_POOLS", "default, team-a")


def test_one_number_of_slots_is_that_of_each_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_WORKER_SLOTS", "8")
    assert worker.slots() == {"default": 8, "team-a": 8}


def test_slots_may_be_said_by_pool_whatever_this_process_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_WORKER_SLOTS", "default=8, team-b=2")
    assert worker.slots() == {"default": 8, "team-b": 2}


def test_without_a_word_there_are_as_many_slots_as_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_WORKER_SLOTS", raising=False)
    assert worker.slots().keys() == {"default", "team-a"}
    assert all(count >= 1 for count in worker.slots().values())


@pytest.mark.parametrize(
    "value", ["0", "x", "a=", "a=0", "a=x", "a=1,2", "A=1", "=1", "a=10001", "a=1,a=2", "a=-1", "a=1.5", "a=\u0661"]
)
def test_anything_else_is_no_number_of_slots(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SLIPWAY_WORKER_SLOTS", value)
    with pytest.raises(ImproperlyConfigured, match="SLIPWAY_WORKER_SLOTS must be"):
        worker.slots()


def test_a_pool_that_no_connection_could_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_WORKER_POOLS", "default,Team A")
    with pytest.raises(ImproperlyConfigured, match="'Team A'"):
        worker.pools()


def test_settings_connections_and_queues_mean_the_same_pools() -> None:
    assert f"^{worker.POOL.pattern}$" == connections.POOL_PATTERN
    assert dispatch.DEFAULT_POOL == connections.DEFAULT_POOL == worker.DEFAULT_POOL
    assert dispatch.queue_of("default") == "runs"
    assert dispatch.queue_of("team-a") == "runs.team-a"
