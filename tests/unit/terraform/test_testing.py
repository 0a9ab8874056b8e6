from pathlib import Path

import pytest

from platform_api.terraform.client import PlanChangedError, PlanMode, RunEnding, TerraformClient, Watch
from platform_api.terraform.events import Event, EventKind
from platform_api.terraform.plan import PlanAction
from platform_api.terraform.spec import RunSpec, Template
from platform_api.terraform.state import StateVersion
from platform_api.terraform.testing import DOWN, TAKEN, FakeTerraform, Script, state_make

OBJECTS = Script().objects


def spec(**changes: object) -> RunSpec:
    template = Template(folder=Path("/nowhere"), digest="sha256:0")
    return RunSpec(run_id="run_1", template=template, variables={}, **changes)  # type: ignore[arg-type]  # a test names the fields it changes


def test_a_run_without_a_script_succeeds_with_events_and_a_state_for_each_object() -> None:
    client: TerraformClient = FakeTerraform(Script(sensitive_outputs={"password": "p"}))
    events: list[Event] = []
    states: list[StateVersion] = []
    watch = Watch(deadline_seconds=1, on_event=events.append, on_state=states.append)

    with client.prepare(spec()) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=watch)
        applied = run.apply(digest=planned.digest, watch=watch)

    assert planned.summary
    assert planned.summary.add == 3
    assert applied.ending is RunEnding.SUCCEEDED
    assert [state.addresses for state in states] == [OBJECTS[:1], OBJECTS[:2], OBJECTS]
    assert applied.state == states[-1]
    assert states[-1].outputs.sensitive == {"password": "p"}
    assert [event.kind for event in events][-2:] == [EventKind.APPLY_START, EventKind.APPLY_COMPLETE]
    assert events[-1].progress
    assert events[-1].progress.percent == 100


def test_an_update_and_a_destroy_are_read_off_the_prior_state() -> None:
    prior = state_make(OBJECTS, serial=3, lineage="l")
    client = FakeTerraform()
    watch = Watch(deadline_seconds=1)
    with client.prepare(spec(prior_state=prior.content)) as run:
        updated = run.plan(mode=PlanMode.NORMAL, watch=watch)
        destroyed = run.plan(mode=PlanMode.DESTROY, watch=watch)
        applied = run.apply(digest=destroyed.digest, watch=watch)
    assert updated.summary
    assert {item.action for item in updated.summary.objects} == {PlanAction.UPDATE}
    assert applied.state
    assert (applied.state.addresses, applied.state.serial) == ((), 6)
    assert client.calls == ["plan normal", "plan destroy", "apply"]


def test_a_failing_apply_leaves_what_was_made_and_tells_what_failed() -> None:
    client = FakeTerraform(Script(apply_ending=RunEnding.FAILED, apply_failure=TAKEN, ends_after=1))
    watch = Watch(deadline_seconds=1)
    with client.prepare(spec()) as run:
        applied = run.apply(digest=run.plan(mode=PlanMode.NORMAL, watch=watch).digest, watch=watch)
    assert applied.failure == TAKEN
    assert applied.state
    assert applied.state.addresses == OBJECTS[:1]
    assert [entry.status for entry in applied.journal] == ["complete", "errored"]


def test_an_apply_that_is_stopped_from_outside_leaves_one_object_in_doubt() -> None:
    client = FakeTerraform(Script(apply_ending=RunEnding.TIMED_OUT, ends_after=1))
    watch = Watch(deadline_seconds=1)
    with client.prepare(spec()) as run:
        applied = run.apply(digest=run.plan(mode=PlanMode.NORMAL, watch=watch).digest, watch=watch)
    assert [entry.status for entry in applied.journal] == ["complete", "started"]


def test_scripts_are_played_in_turn_and_a_failure_may_pass() -> None:
    client = FakeTerraform(Script(plan_ending=RunEnding.FAILED), Script())
    watch = Watch(deadline_seconds=1)
    with client.prepare(spec()) as run:
        assert run.plan(mode=PlanMode.NORMAL, watch=watch).failure == DOWN
    with client.prepare(spec()) as run:
        assert run.plan(mode=PlanMode.NORMAL, watch=watch).ending is RunEnding.SUCCEEDED


def test_a_wish_to_stop_is_heard_between_objects() -> None:
    states: list[StateVersion] = []
    client = FakeTerraform()
    with client.prepare(spec()) as run:
        digest = run.plan(mode=PlanMode.NORMAL, watch=Watch(deadline_seconds=1)).digest
        watch = Watch(deadline_seconds=1, on_state=states.append, should_stop=lambda: len(states) == 2)
        applied = run.apply(digest=digest, watch=watch)
    assert applied.ending is RunEnding.STOPPED
    assert applied.failure is None
    assert len(states) == 2


def test_a_saved_plan_is_applied_later_and_only_by_its_digest() -> None:
    client = FakeTerraform()
    watch = Watch(deadline_seconds=1)
    with client.prepare(spec()) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=watch)
    with client.prepare(spec(saved_plan=planned.plan)) as run:
        with pytest.raises(PlanChangedError):
            run.apply(digest="sha256:other", watch=watch)
        assert run.apply(digest=planned.digest, watch=watch).ending is RunEnding.SUCCEEDED
