"""Objects that an earlier attempt made and no state knows are taken over by their ids."""

from collections.abc import Callable
from pathlib import Path

import pytest

from platform_api.terraform.client import NO_IMPORTS, PlanMode, RunEnding
from platform_api.terraform.events import EventKind
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.plan import PlanAction
from platform_api.terraform.spec import RunSpec
from tests.integration.fleet import Fleet
from tests.integration.terraform.conftest import Heard


def made_ids(heard: Heard) -> dict[str, str]:
    """Return what the log of an apply tells: ids by address."""
    return {event.address: event.id_value for event in heard.events if event.kind is EventKind.APPLY_COMPLETE}


@pytest.fixture
def ids(client: LocalTerraform, database_spec: Callable[..., RunSpec], heard: Heard) -> dict[str, str]:
    """A database that was made, of which no state was kept."""
    with client.prepare(database_spec()) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        assert run.apply(digest=planned.digest, watch=heard.watch()).ending is RunEnding.SUCCEEDED
    made = made_ids(heard)
    assert len(made) == 3
    assert all(made.values())
    return made


def test_what_the_log_tells_of_is_taken_over_by_its_id(
    client: LocalTerraform, database_spec: Callable[..., RunSpec], heard: Heard, ids: dict[str, str], fleet: Fleet
) -> None:
    with client.prepare(database_spec()) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch(), imports=ids)
        assert planned.ending is RunEnding.SUCCEEDED, planned.failure
        assert planned.summary
        assert not [item for item in planned.summary.objects if item.action is not PlanAction.UPDATE]
        assert not planned.is_empty, "the state lacks them as yet"
        applied = run.apply(digest=planned.digest, watch=heard.watch())
    assert applied.ending is RunEnding.SUCCEEDED
    assert applied.state
    assert applied.state.instances == frozenset(ids)
    with client.prepare(database_spec(prior_state=applied.state.content)) as run:
        assert run.plan(mode=PlanMode.NORMAL, watch=heard.watch()).is_empty
        planned = run.plan(mode=PlanMode.DESTROY, watch=heard.watch())
        assert run.apply(digest=planned.digest, watch=heard.watch()).ending is RunEnding.SUCCEEDED


def test_what_does_not_exist_fails_the_plan_and_the_next_plan_is_free_of_it(
    client: LocalTerraform, database_spec: Callable[..., RunSpec], heard: Heard
) -> None:
    with client.prepare(database_spec()) as run:
        imports = {"fleet_postgres_role.this": "nobody_of_that_name"}
        failed = run.plan(mode=PlanMode.NORMAL, watch=heard.watch(), imports=imports)
        assert failed.ending is RunEnding.FAILED
        again = run.plan(mode=PlanMode.NORMAL, watch=heard.watch(), imports=NO_IMPORTS)
        assert again.ending is RunEnding.SUCCEEDED
        assert again.summary
        assert again.summary.add == 3


def test_an_id_is_taken_as_it_is_and_evaluates_nothing(
    client: LocalTerraform, database_spec: Callable[..., RunSpec], heard: Heard
) -> None:
    with client.prepare(database_spec()) as run:
        failed = run.plan(
            mode=PlanMode.NORMAL,
            watch=heard.watch(),
            imports={"fleet_postgres_role.this": '${file("/etc/hostname")}%{ if true }x%{ endif }'},
        )
    assert failed.ending is RunEnding.FAILED
    assert failed.failure
    said = failed.failure.summary + failed.failure.detail
    assert "${file(" in said or "not a name" in said.lower()
    assert Path("/etc/hostname").read_text().strip() not in said
