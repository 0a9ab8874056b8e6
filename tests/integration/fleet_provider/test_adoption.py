"""What a lost run of ours left behind is taken over; what is a stranger's is refused and left alone."""

import os
import signal
from collections.abc import Callable

from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import APPLY, Fleet, Workspace, is_alive, wait_until

MakeWorkspace = Callable[..., Workspace]


def test_after_a_lost_state_everything_is_adopted_as_it_is(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    with fleet.login(user=workspace.name, password=workspace.password, database=workspace.name) as owner:
        owner.execute("CREATE TABLE orders (id int)")
    workspace.forget_state()

    workspace.apply()

    assert workspace.plan() == {}
    with fleet.login(user=workspace.name, password=workspace.password, database=workspace.name) as owner:
        assert owner.execute("SELECT count(*) FROM orders").fetchone() == (0,)


def test_adoption_sets_what_the_lost_run_had_otherwise(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    workspace.forget_state()
    workspace.values |= {"connection_limit": 8}

    workspace.apply()

    assert fleet.value("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", workspace.name) == 8


def test_a_role_of_another_resource_is_refused_and_unchanged(
    workspace_make: MakeWorkspace, workspace: Workspace, fleet: Fleet
) -> None:
    workspace.apply()
    other = workspace_make(name=workspace.name)

    output = other.apply(code=1)

    assert f'Role "{workspace.name}" exists and is not ours' in output
    assert f"Its comment names {workspace.values['managed_by']}" in " ".join(output.replace("│", "").split())
    fleet.login(user=workspace.name, password=workspace.password, database=workspace.name).close()


def test_a_role_that_nobody_marked_is_refused_and_unchanged(workspace: Workspace, fleet: Fleet) -> None:
    fleet.do(f"CREATE ROLE {workspace.name} CONNECTION LIMIT 3")

    assert f'Role "{workspace.name}" exists and is not ours' in workspace.apply(code=1)

    assert fleet.value("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", workspace.name) == 3
    assert workspace.in_state() == set()


def test_a_database_that_nobody_marked_is_refused(workspace: Workspace, fleet: Fleet) -> None:
    fleet.do(f"CREATE DATABASE {workspace.name}")

    assert f'Database "{workspace.name}" exists and is not ours' in workspace.apply(code=1)

    assert workspace.in_state() == {"role"}
    assert fleet.value("SELECT datallowconn FROM pg_database WHERE datname = %s", workspace.name)


def test_a_grant_never_crosses_owners(workspace_make: MakeWorkspace, workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    other = workspace_make()
    main = other.folder / "main.tf"
    main.write_text(
        main.read_text().replace("database   = fleet_postgres_database.this.name", f'database   = "{workspace.name}"')
    )

    output = other.apply(code=1)

    assert "are not of one owner" in output
    granted = "SELECT has_database_privilege(%s, %s, 'CONNECT')"
    assert fleet.value(granted, other.name, workspace.name) is False


def test_a_database_that_was_half_made_when_all_was_killed_is_adopted(
    workspace_make: MakeWorkspace, zygote: Zygote, fleet: Fleet
) -> None:
    workspace = workspace_make()
    workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)
    with fleet.held("database", workspace.name):
        process = workspace.start(*APPLY)
        wait_until(fleet.waiting_providers, what="the database is made, its mark is not")
        wait_until(lambda: workspace.in_state() == {"role"}, what="the state with the role is written")
        os.kill(workspace.handle.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        pid = workspace.handle.pid
        wait_until(lambda: not is_alive(pid), what="the provider is gone")
        # Half made means closed: nobody came in before PUBLIC lost its privileges.
        assert not fleet.value("SELECT datallowconn FROM pg_database WHERE datname = %s", workspace.name)
        assert "database" not in workspace.in_state()
    wait_until(lambda: not fleet.waiting_providers(), what="the killed provider's session is gone")

    workspace.handle.end()
    workspace.handle = zygote.provider_start(workspace.folder, fleet.credentials)
    workspace.run(*APPLY, "-lock-timeout=10s")

    assert workspace.plan() == {}
    fleet.login(user=workspace.name, password=workspace.password, database=workspace.name).close()
