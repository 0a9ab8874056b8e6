"""One resource's life, in both ways to run the provider and across them."""

from collections.abc import Callable

import psycopg
import pytest

from platform_api.core.credentials import password_make, scram_sha_256_verifier
from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import APPLY, Fleet, Workspace, wait_until

MakeWorkspace = Callable[..., Workspace]


@pytest.fixture(params=["launched", "reattached"])
def either(request: pytest.FixtureRequest, workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet) -> Workspace:
    made = workspace_make()
    if request.param == "reattached":
        made.handle = zygote.provider_start(made.folder, fleet.credentials)
    return made


def test_the_owner_logs_in_with_the_password_that_terraform_never_saw(either: Workspace, fleet: Fleet) -> None:
    either.apply()

    with fleet.login(user=either.name, password=either.password, database=either.name) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
        connection.execute("CREATE TABLE orders (id int)")
    assert either.plan() == {}
    either.destroy()
    assert fleet.value("SELECT count(*) FROM pg_roles WHERE rolname = %s", either.name) == 0
    assert fleet.value("SELECT count(*) FROM pg_database WHERE datname = %s", either.name) == 0


@pytest.mark.parametrize("first", ["launched", "reattached"])
def test_a_life_begun_in_one_way_goes_on_in_the_other(
    first: str, workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet
) -> None:
    workspace = workspace_make()
    for step, is_reattached in enumerate([first == "reattached", first == "launched", first == "reattached"]):
        workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials) if is_reattached else None
        if step == 0:
            workspace.apply()
        elif step == 1:
            workspace.values |= {"connection_limit": 9, "timeout_seconds": 0, "privileges": ["CONNECT"]}
            assert set(workspace.plan()) == {"role", "database", "grant"}
            workspace.run("apply", "-no-color", "plan.bin")
            assert workspace.plan() == {}
            assert fleet.value("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", workspace.name) == 9
        else:
            workspace.destroy()
        if workspace.handle is not None:
            assert workspace.handle.end()
    assert workspace.in_state() == set()


def test_a_plan_made_by_a_launched_provider_is_applied_by_a_forked_one(
    workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet
) -> None:
    workspace = workspace_make()
    assert workspace.plan() == {"role": ["create"], "database": ["create"], "grant": ["create"]}

    workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)
    workspace.run("apply", "-no-color", "plan.bin")

    assert workspace.in_state() == {"role", "database", "grant"}


def test_a_new_verifier_lets_in_the_new_password_only(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    rotated = password_make()
    workspace.values["verifier"] = scram_sha_256_verifier(rotated)
    assert workspace.plan() == {"role": ["update"]}
    workspace.apply()

    fleet.login(user=workspace.name, password=rotated, database=workspace.name).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        fleet.login(user=workspace.name, password=workspace.password, database=workspace.name)


def test_a_new_name_replaces_everything(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    before = workspace.name
    workspace.values["name"] = f"{before}_b"
    assert {tuple(actions) for actions in workspace.plan().values()} == {("delete", "create")}
    workspace.apply()

    assert fleet.value("SELECT count(*) FROM pg_database WHERE datname = %s", before) == 0
    assert workspace.plan() == {}


def test_all_three_can_be_imported_by_their_ids(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    workspace.forget_state()
    for kind, id_ in [
        ("role", workspace.name),
        ("database", workspace.name),
        ("grant", f"{workspace.name}/{workspace.name}"),
    ]:
        workspace.run("import", "-no-color", "-var-file=inputs.tfvars.json", f"fleet_postgres_{kind}.this", id_)

    # An admin that is no superuser cannot read the verifier back, so the next apply sets the same one again.
    assert workspace.plan() == ({} if fleet.is_superuser else {"role": ["update"]})
    workspace.apply()
    assert workspace.plan() == {}
    fleet.login(user=workspace.name, password=workspace.password, database=workspace.name).close()


@pytest.mark.parametrize(
    ("kind", "id_", "text"),
    [
        ("role", "t_nobody", 'No role "t_nobody"'),
        ("database", "t_nothing", 'No database "t_nothing"'),
        ("grant", "t_nothing/t_nobody", 'No grant "t_nothing/t_nobody"'),
    ],
)
def test_what_is_not_there_cannot_be_imported(workspace: Workspace, kind: str, id_: str, text: str) -> None:
    output = workspace.run(
        "import", "-no-color", "-var-file=inputs.tfvars.json", f"fleet_postgres_{kind}.this", id_, code=1
    )

    assert text in output


def test_two_databases_are_made_at_the_same_time(workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet) -> None:
    both = [workspace_make(), workspace_make()]
    for workspace in both:
        workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)
        workspace.start(*APPLY)

    assert [workspace.processes[0].wait(60) for workspace in both] == [0, 0]


def test_two_runs_of_one_resource_at_once_end_with_one_database(
    workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet
) -> None:
    first = workspace_make()
    second = workspace_make(**first.values)
    for workspace in (first, second):
        workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)
    with fleet.held("role", first.name):
        for workspace in (first, second):
            workspace.start(*APPLY)
        wait_until(lambda: fleet.waiting_providers() == 2, what="both are about to make the role")

    assert [workspace.processes[0].wait(60) for workspace in (first, second)] == [0, 0]
    assert first.plan() == second.plan() == {}


def test_a_neighbor_cannot_enter(workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet) -> None:
    mine, theirs = workspace_make(), workspace_make()
    for workspace in (mine, theirs):
        workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)
        workspace.apply()

    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        fleet.login(user=theirs.name, password=theirs.password, database=mine.name)
