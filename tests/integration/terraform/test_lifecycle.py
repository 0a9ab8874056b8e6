"""Provision, update and destroy a real database, by both ways to the provider."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from platform_api.process.programs import Program
from platform_api.terraform.client import PlanChangedError, PlanMode, RunEnding
from platform_api.terraform.errors import FailureKind
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.plan import PlanAction
from platform_api.terraform.spec import ProviderWay, RunSpec
from platform_api.terraform.state import StateVersion
from platform_api.terraform.toolchain import Toolchain
from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Fleet
from tests.integration.terraform.conftest import Heard, Order

MakeSpec = Callable[..., RunSpec]
REATTACH, LAUNCH = ProviderWay.REATTACH, ProviderWay.LAUNCH


def carry_out(client: LocalTerraform, spec: RunSpec, heard: Heard, mode: PlanMode = PlanMode.NORMAL) -> StateVersion:
    """Plan and apply; expects both to succeed."""
    with client.prepare(spec) as run:
        planned = run.plan(mode=mode, watch=heard.watch())
        assert planned.ending is RunEnding.SUCCEEDED, planned.failure
        applied = run.apply(digest=planned.digest, watch=heard.watch())
    assert applied.ending is RunEnding.SUCCEEDED, applied.failure
    assert applied.state
    return applied.state


@pytest.mark.parametrize(
    "ways", [(REATTACH, REATTACH, REATTACH), (LAUNCH, REATTACH, LAUNCH)], ids=["reattach", "mixed"]
)
def test_a_database_is_provisioned_updated_and_destroyed(
    ways: tuple[ProviderWay, ...],
    client: LocalTerraform,
    database_spec: MakeSpec,
    order: Order,
    fleet: Fleet,
) -> None:
    heard = Heard()
    state = carry_out(client, database_spec(provider_way=ways[0]), heard)
    assert state.outputs.shown["database"] == order.name
    assert len(state.addresses) == 3
    with fleet.login(user=order.name, password=order.password, database=order.name) as customer:
        assert customer.execute("SELECT current_user").fetchone() == (order.name,)

    changed = database_spec(provider_way=ways[1], prior_state=state.content, variables={"connection_limit": 7})
    state = carry_out(client, changed, heard)
    assert fleet.value("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", order.name) == 7

    gone = carry_out(client, database_spec(provider_way=ways[2], prior_state=state.content), heard, PlanMode.DESTROY)
    assert gone.addresses == ()
    assert gone.lineage == state.lineage
    with pytest.raises(psycopg.OperationalError):
        fleet.login(user=order.name, password=order.password, database=order.name)


def test_a_plan_tells_what_changes_and_an_apply_how_far_it_is(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard, order: Order
) -> None:
    with client.prepare(database_spec()) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        assert planned.summary
        objects = {item.type: item for item in planned.summary.objects}
        assert (planned.summary.add, planned.summary.change, planned.summary.destroy) == (3, 0, 0)
        assert objects["fleet_postgres_database"].is_stateful
        assert not objects["fleet_postgres_role"].is_stateful
        changes = {change.path: change for change in objects["fleet_postgres_role"].changes}
        assert changes["name"].after == order.name
        assert changes["password_verifier"].is_sensitive
        assert changes["password_verifier"].after is None
        assert heard.kinds.count("planned_change") == 3

        heard.events.clear()
        applied = run.apply(digest=planned.digest, watch=heard.watch())

    percents = [event.progress.percent for event in heard.events if event.progress]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert [(entry.action, entry.status) for entry in applied.journal] == [("create", "complete")] * 3
    assert heard.states[-1] == applied.state
    serials = [state.serial for state in heard.states]
    assert serials == sorted(set(serials)), "each version once, oldest first"


def test_a_second_plan_finds_nothing_to_do_until_something_drifts(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard, order: Order, fleet: Fleet
) -> None:
    state = carry_out(client, database_spec(), heard)
    with client.prepare(database_spec(prior_state=state.content)) as run:
        assert run.plan(mode=PlanMode.NORMAL, watch=heard.watch()).is_empty
        seen = run.plan(mode=PlanMode.REFRESH_ONLY, watch=heard.watch())
        assert seen.is_empty
        assert seen.summary
        assert seen.summary.drifted == ()

        fleet.do(f"ALTER ROLE {order.name} CONNECTION LIMIT 3")
        seen = run.plan(mode=PlanMode.REFRESH_ONLY, watch=heard.watch())
        assert seen.summary
        (drifted,) = seen.summary.drifted
        assert drifted.action is PlanAction.UPDATE
        assert [(change.path, change.after) for change in drifted.changes] == [("connection_limit", 3)]
        repair = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        assert repair.summary
        assert repair.summary.change == 1


def test_a_saved_plan_is_applied_by_a_later_attempt_and_is_what_is_applied(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard, order: Order, fleet: Fleet
) -> None:
    with client.prepare(database_spec(variables={"connection_limit": 11})) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
    # Other variables by now: the plan that was judged counts, not what would be planned today.
    later = database_spec(variables={"connection_limit": 400}, saved_plan=planned.plan, provider_way=ProviderWay.LAUNCH)
    with client.prepare(later) as run:
        with pytest.raises(PlanChangedError):
            run.apply(digest="sha256:another", watch=heard.watch())
        assert heard.states == []
        applied = run.apply(digest=planned.digest, watch=heard.watch())
    assert applied.ending is RunEnding.SUCCEEDED
    assert fleet.value("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", order.name) == 11


def test_a_plan_made_after_the_judged_one_is_not_applied(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard
) -> None:
    with client.prepare(database_spec()) as run:
        judged = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        other = run.plan(mode=PlanMode.DESTROY, watch=heard.watch())
        assert judged.digest != other.digest
        with pytest.raises(PlanChangedError):
            run.apply(digest=judged.digest, watch=heard.watch())


def test_nothing_is_applied_where_nothing_was_planned(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard
) -> None:
    with client.prepare(database_spec()) as run, pytest.raises(PlanChangedError):
        run.apply(digest="", watch=heard.watch())


def test_a_stale_plan_is_a_failure_that_planning_again_mends(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard
) -> None:
    with client.prepare(database_spec()) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        assert run.apply(digest=planned.digest, watch=heard.watch()).ending is RunEnding.SUCCEEDED
        heard.states.clear()
        again = run.apply(digest=planned.digest, watch=heard.watch())
    assert heard.states == [], "nothing was written, so nothing is new"
    assert again.failure
    assert (again.failure.code, again.failure.kind) == ("plan_stale", FailureKind.RETRYABLE)


def test_a_saved_plan_that_is_none_is_refused_in_terraforms_words_and_nothing_is_done(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard
) -> None:
    with client.prepare(database_spec(saved_plan=b"garbage")) as run:
        applied = run.apply(digest="sha256:any", watch=heard.watch())
    assert applied.ending is RunEnding.FAILED
    assert applied.failure
    assert "plan.bin" in applied.failure.detail
    assert (applied.state, applied.journal, heard.states) == (None, (), [])


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"name": "No Such Name!"}, ("variable_invalid", FailureKind.USER)),
        ({"password_verifier": "hunter22"}, ("variable_invalid", FailureKind.USER)),
        ({"name": None}, ("variable_missing", FailureKind.PLATFORM)),
    ],
)
def test_what_the_module_refuses_is_named_without_the_secret(
    variables: dict[str, object],
    expected: tuple[str, FailureKind],
    client: LocalTerraform,
    database_spec: MakeSpec,
    heard: Heard,
) -> None:
    with client.prepare(database_spec(variables=variables)) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
    assert planned.ending is RunEnding.FAILED
    assert planned.failure
    assert (planned.failure.code, planned.failure.kind) == expected
    assert "hunter22" not in repr((planned, heard.events))


@pytest.mark.parametrize("way", [REATTACH, LAUNCH])
def test_a_server_that_is_down_is_worth_a_retry(
    way: ProviderWay, client: LocalTerraform, database_spec: MakeSpec, heard: Heard
) -> None:
    credentials = {"postgres": {"url": "postgresql://admin:sEcret-0f-admin@127.0.0.1:1/postgres"}}
    with client.prepare(database_spec(credentials=credentials, provider_way=way)) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        failure = planned.failure or run.apply(digest=planned.digest, watch=heard.watch()).failure
    assert failure
    assert (failure.code, failure.kind) == ("target_unreachable", FailureKind.RETRYABLE)
    assert "sEcret-0f-admin" not in repr((failure, heard.events))


def test_wrong_admin_credentials_and_a_taken_name_are_told_apart(
    client: LocalTerraform, database_spec: MakeSpec, heard: Heard, order: Order, fleet: Fleet
) -> None:
    wrong = fleet.url.replace(fleet.admin_password, "wrong-password")
    with client.prepare(database_spec(credentials={"postgres": {"url": wrong}})) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        failure = planned.failure or run.apply(digest=planned.digest, watch=heard.watch()).failure
    assert failure
    assert (failure.code, failure.kind) == ("target_refuses_admin", FailureKind.PLATFORM)

    fleet.do(f"CREATE DATABASE {order.name}")
    with client.prepare(database_spec()) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        applied = run.apply(digest=planned.digest, watch=heard.watch())
    assert applied.failure
    assert (applied.failure.code, applied.failure.kind) == ("name_taken", FailureKind.USER)
    assert order.name in applied.failure.summary
    assert applied.state
    assert applied.state.addresses == ("fleet_postgres_role.this",), "what was made before is known"


def test_no_terraform_is_the_platforms_failure(
    database_spec: MakeSpec, heard: Heard, toolchain: Toolchain, zygote: Zygote, tmp_path: Path
) -> None:
    missing = replace(toolchain, program=Program(path=tmp_path / "terraform", version=(1, 11, 4)))
    without = LocalTerraform(base=tmp_path, toolchain=missing, zygote=zygote, minimum_free_bytes=0)
    with without.prepare(database_spec(credentials=None)) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
    assert planned.failure
    assert (planned.failure.code, planned.failure.kind) == ("program_start_failed", FailureKind.PLATFORM)
