"""What somebody changes by hand is seen by a refresh and repaired by the next apply."""

import pytest

from tests.integration.fleet import Fleet, Workspace

CHANGES = {
    "ALTER ROLE {name} CONNECTION LIMIT 77": ("role", {"connection_limit"}),
    "ALTER ROLE {name} SET statement_timeout = '2min'": ("role", {"statement_timeout_seconds"}),
    "ALTER ROLE {name} RESET statement_timeout": ("role", {"statement_timeout_seconds"}),
    "ALTER ROLE {name} NOLOGIN": ("role", {"login"}),
    "ALTER ROLE {name} CREATEDB": ("role", {"extra_attributes"}),
    "COMMENT ON ROLE {name} IS 'mine now'": ("role", {"managed_by"}),
    "ALTER ROLE {name} PASSWORD 'another'": ("role", {"password_verifier"}),
    "ALTER ROLE {name} PASSWORD NULL": ("role", {"password_verifier"}),
    "ALTER DATABASE {name} CONNECTION LIMIT 77": ("database", {"connection_limit"}),
    "ALTER DATABASE {name} ALLOW_CONNECTIONS false": ("database", {"allow_connections"}),
    "ALTER DATABASE {name} OWNER TO CURRENT_USER": ("database", {"owner"}),
    "COMMENT ON DATABASE {name} IS 'mine now'": ("database", {"managed_by"}),
    "GRANT CONNECT ON DATABASE {name} TO PUBLIC": ("database", {"public_privileges"}),
    "GRANT CREATE ON DATABASE {name} TO {name}": ("grant", {"privileges"}),
    "GRANT CONNECT ON DATABASE {name} TO {name} WITH GRANT OPTION": ("grant", {"privileges"}),
    "REVOKE TEMPORARY ON DATABASE {name} FROM {name}": ("grant", {"privileges"}),
}


def test_each_change_by_hand_is_seen_alone_and_repaired(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    for statement, (kind, attributes) in CHANGES.items():
        fleet.do(statement.format(name=workspace.name))
        # An owner's privileges move with the ownership, so the grant changes too.
        expected = {kind: attributes} | ({"grant": {"gone"}} if attributes == {"owner"} else {})
        assert workspace.drift() == expected, statement
        workspace.apply()
        assert workspace.plan() == {}, statement
    fleet.login(user=workspace.name, password=workspace.password, database=workspace.name).close()


def test_a_password_that_its_owner_changed_is_seen(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    with fleet.login(user=workspace.name, password=workspace.password, database=workspace.name) as owner:
        owner.execute(f"ALTER ROLE {workspace.name} PASSWORD 'chosen-by-the-owner'".encode())

    assert workspace.drift() == {"role": {"password_verifier"}}
    assert "chosen-by-the-owner" not in (workspace.folder / "plan.bin").read_bytes().decode("latin-1")


def test_a_dropped_database_is_seen_as_gone_and_made_anew(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    fleet.do(f"DROP DATABASE {workspace.name}")

    assert workspace.drift() == {"database": {"gone"}, "grant": {"gone"}}
    workspace.apply()
    assert workspace.plan() == {}


def test_a_namesake_made_by_a_stranger_is_seen_as_gone_and_refused(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    fleet.do(f"DROP DATABASE {workspace.name}")
    fleet.do(f"CREATE DATABASE {workspace.name}")

    assert workspace.drift()["database"] == {"gone"}
    assert f'Database "{workspace.name}" exists and is not ours' in workspace.apply(code=1)
    workspace.destroy()
    assert fleet.value("SELECT count(*) FROM pg_database WHERE datname = %s", workspace.name) == 1


def test_deleting_what_is_already_gone_succeeds(workspace: Workspace, fleet: Fleet) -> None:
    workspace.apply()
    fleet.sweep(workspace.name)

    workspace.run("destroy", "-no-color", "-auto-approve", "-refresh=false", "-var-file=inputs.tfvars.json")

    assert workspace.in_state() == set()


@pytest.mark.parametrize("word", ["IS_TEMPLATE true", "CONNECTION LIMIT 0"])
def test_an_owner_cannot_keep_the_database_from_being_deleted(workspace: Workspace, fleet: Fleet, word: str) -> None:
    workspace.apply()
    with fleet.login(user=workspace.name, password=workspace.password, database=workspace.name) as owner:
        owner.execute(f"ALTER DATABASE {workspace.name} {word}".encode())
        owner.commit()
        workspace.destroy()

    assert workspace.in_state() == set()
