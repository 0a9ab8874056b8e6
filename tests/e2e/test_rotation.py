"""A password is rotated, also by way of a worker's death: one password logs in, and its owner can have it."""

import signal

import psycopg
import pytest

from platform_api.process.identity import descendants
from tests.e2e.client import Client, Json
from tests.e2e.live import LiveStack
from tests.e2e.test_faults import give_back, is_anyone_waiting, pool_child, terraform_and_providers
from tests.waiting import wait_until

pytestmark = pytest.mark.live


# As the offering's documents say.
END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"
)


def logs_in(shown: dict[str, str]) -> bool:
    """Tell whether a password is taken; whatever else is in the way is no answer."""
    try:
        psycopg.connect(shown["uri"]).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        return False
    return True


def notes(shown: dict[str, str]) -> list[tuple[str]]:
    with psycopg.connect(shown["uri"]) as owner:
        return owner.execute("SELECT text FROM note").fetchall()


def noted(client: Client, name: str) -> tuple[Json, Json, dict[str, str]]:
    """Order a database and write into it; returns the request, the resource and what was revealed."""
    request = client.order(name)
    assert client.finish(request)["status"] == "completed"
    resource = client.get(f"resources/{request['resource']['id']}")
    shown = client.reveal(resource)
    with psycopg.connect(shown["uri"]) as owner:
        owner.execute("CREATE TABLE note (text text)")
        owner.execute("INSERT INTO note VALUES ('kept')")
    return request, resource, shown


def numbers(client: Client, resource: Json) -> tuple[int, list[int]]:
    """Return the number in use, and the former ones."""
    told = client.get(f"resources/{resource['id']}")["credentials"]
    return told["number"], [each["number"] for each in told["replaced"]]


def test_after_a_rotation_the_new_password_logs_in_and_the_former_does_not(
    live_stack: LiveStack, storm: Client
) -> None:
    request, resource, former = noted(storm, "rotated")
    assert logs_in(former)
    with psycopg.connect(former["uri"], autocommit=True) as still_open:
        done = storm.finish(storm.rotate(resource))

        assert (done["status"], done["operation"]) == ("completed", "rotate"), done
        assert not logs_in(former)
        new = storm.reveal(resource)
        assert logs_in(new)
        assert {**new, "password": "", "uri": ""} == {**former, "password": "", "uri": ""}
        assert notes(new) == [("kept",)]
        assert still_open.execute("SELECT text FROM note").fetchall() == [("kept",)]
        with psycopg.connect(new["uri"], autocommit=True) as owner:
            assert owner.execute(END_OTHERS).fetchall() == [(True,)]
        with pytest.raises(psycopg.OperationalError):
            still_open.execute("SELECT")

    assert numbers(storm, resource) == (2, [1])
    plan = storm.get(f"runs/{done['run']['id']}")["plan"]
    assert {verb: plan[verb] for verb in ("add", "change", "replace", "destroy")} == {
        "add": 0, "change": 1, "replace": 0, "destroy": 0,
    }  # fmt: skip
    give_back(live_stack, storm, [request])


@pytest.mark.parametrize("is_changed", [True, False], ids=["after the change", "before the change"])
def test_a_worker_killed_in_mid_rotation_leaves_it_to_the_next_with_the_same_password(
    live_stack: LiveStack, storm: Client, *, is_changed: bool
) -> None:
    request, resource, former = noted(storm, "half-rotated")
    with live_stack.fleet() as fleet, fleet.transaction():
        fleet.execute("LOCK TABLE pg_authid IN SHARE MODE")  # whoever changes a role waits here
        rotation = storm.rotate(resource)
        wait_until(lambda: is_anyone_waiting(live_stack))
        child = pool_child(live_stack, rotation)
        # Left alone, Terraform and its provider go on when the lock is gone.
        doomed = [child] if is_changed else [child, *descendants(child.pid)]

        for process in doomed:
            process.send(signal.SIGKILL)

        wait_until(lambda: storm.get(f"runs/{rotation['run']['id']}")["status"] == "recovering", seconds=30)
        refused = storm.call("POST", f"resources/{resource['id']}/credentials")
        assert (refused.status_code, refused.json()["code"]) == (409, "credentials_not_ready")
    done = storm.finish(rotation)
    assert (done["status"], done["operation"]) == ("completed", "rotate")
    assert storm.get(f"runs/{rotation['run']['id']}")["attempt"] > 1
    wait_until(lambda: terraform_and_providers(live_stack) == [], seconds=30)

    new = storm.reveal(resource)
    assert (logs_in(new), logs_in(former)) == (True, False)
    assert notes(new) == [("kept",)]
    assert numbers(storm, resource) == (2, [1])
    give_back(live_stack, storm, [request])
