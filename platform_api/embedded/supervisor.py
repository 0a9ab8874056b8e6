"""The one process above all others of a stack: starts them, keeps them running, ends them in reverse."""

import os
import signal
import time
from collections.abc import Mapping
from typing import Literal

from platform_api.core.errors import UnavailableError
from platform_api.embedded.attention import Attention, StopRequest
from platform_api.embedded.console import Console
from platform_api.embedded.environment import application_environment, environment_write
from platform_api.embedded.folder import CHECKOUT, StateFolder
from platform_api.embedded.keeper import Keeper
from platform_api.embedded.leftovers import leftovers_end
from platform_api.embedded.lock import stack_lock
from platform_api.embedded.logs import log_since, log_size, log_tail
from platform_api.embedded.parts import API, Part, Plan, Preparation
from platform_api.embedded.ports import HOST, Claims, api_port, port_is_free
from platform_api.embedded.ready import http_answers, socket_answers
from platform_api.embedded.releases.providing import program_look
from platform_api.embedded.server import Server
from platform_api.embedded.servers import REPLACED_BY, servers_build, servers_start, servers_wanted
from platform_api.embedded.state import PartState, PartStatus, Phase, State, state_load
from platform_api.process.children import Child, child_start
from platform_api.process.commands import Command
from platform_api.process.identity import ProcessIdentity
from platform_api.process.ladders import TERMINATE_LADDER
from platform_api.process.orphans import orphans_adopt, orphans_collect
from platform_api.process.runner import run

Scope = Literal["all", "servers"]

# Terraform that lost its worker was interrupted by the kernel and is saving its state; a second signal would
# cut that short. This is what its own ladder would give it.
ORPHAN_SECONDS = 75
_LOOK_SECONDS = 0.2
_ORPHAN_LOOK_SECONDS = 2.0  # each look reads the whole table of processes


class PartStartError(UnavailableError):
    """A part or a preparation failed while the stack was starting; the text quotes the end of its log."""

    code = "part_start_failed"
    title = "A part of the local stack did not start"


class Supervisor:
    """Runs a stack from its first process to its last.

    1. Take the lock; end what a killed predecessor left behind; look for the programs that the parts need.
    2. Start the servers side by side and wait until each lets us in.
    3. Write the environment file, run the preparations, start the parts one after the other.
    4. Start again what ends, with growing pauses. A server that lost its port to somebody else gets another
       one, and the application is started anew with new addresses.
    5. At SIGINT, SIGTERM or SIGHUP end all in reverse order; at a second one, at once.
    """

    def __init__(
        self,
        *,
        folder: StateFolder,
        plan: Plan,
        scope: Scope,
        environ: Mapping[str, str],
        console: Console,
    ) -> None:
        """Describe the stack.

        Args:
            folder: Where all its files are.
            plan: What runs on top of the servers.
            scope: Everything, or the servers alone.
            environ: The caller's environment: settings that replace servers, and what parts may see of it.
            console: Where progress is told.
        """
        self._folder = folder
        self._plan = plan
        self._scope = scope
        self._environ = environ
        self._console = console
        self._attention = Attention()
        self._state = State()
        self._servers: list[Server] = []
        self._entries: Mapping[str, str] = {}
        self._downloads: dict[str, str] = {}
        self._server_keepers: list[Keeper] = []
        self._part_keepers: list[Keeper] = []
        self._claims = Claims()
        self._has_moved = False
        self._tended_at = 0.0
        self._orphans_seen: dict[ProcessIdentity, float] = {}

    def run(self) -> None:
        """Run the stack until somebody asks it to stop.

        Raises:
            AlreadyRunningError: Another supervisor has the folder.
            SlipwayError: The stack could not be started; what ran by then was ended.
        """
        self._folder.make()
        with stack_lock(self._folder), self._attention, self._claims:
            orphans_adopt()
            self._state = state_load(self._folder)
            leftovers_end(self._state, self._folder, self._console.say)
            self._begin()
            try:
                self._look_for_programs()
                self._start_servers()
                self._start_parts()
                self._record(Phase.READY)
                self._console.say(self._welcome())
                self._watch()
            except StopRequest:
                self._console.say("stopping")
            finally:
                self._stop()

    def _begin(self) -> None:
        self._state.supervisor = ProcessIdentity.of(os.getpid())
        self._state.api_url = None
        elsewhere = set(REPLACED_BY) - set(servers_wanted(self._environ))
        self._state.parts = {name: PartState(status=PartStatus.ELSEWHERE) for name in sorted(elsewhere)}
        self._record(Phase.STARTING)

    def _look_for_programs(self) -> None:
        """Find what the parts need before anything runs: the person can mend it at once.

        Raises:
            ProgramMissingError: One is missing.
        """
        if self._scope == "all":
            for search in (search for part in self._plan.parts for search in part.needs):
                program = program_look(search, folder=self._folder, environ=self._environ)
                if program.path.parent == self._folder.programs:
                    self._downloads[search.variable] = str(program.path)

    def _start_servers(self) -> None:
        self._console.step("starting the servers")
        self._servers = servers_build(
            servers_wanted(self._environ),
            folder=self._folder,
            stack=self._state.stack,
            kept_ports=self._state.ports,
            environ=self._environ,
        )
        children: dict[str, Child] = {}
        try:
            servers_start(self._servers, children=children, pause=self._pause, say=self._console.say)
        finally:
            # Also what was started before a failure is taken over, so that it is ended like all else.
            for server in self._servers:
                if server.name in children:
                    keeper = self._server_keeper(server)
                    keeper.take(children[server.name], PartStatus.READY)
                    self._server_keepers.append(keeper)

    def _server_keeper(self, server: Server) -> Keeper:
        def start() -> Child:
            server.prepare()
            if not port_is_free(server.port):
                server.move(self._servers)
                self._has_moved = True
            return child_start(server.command())

        return Keeper(
            name=server.name,
            start=start,
            is_ready=server.is_ready,
            ladder=server.ladder,
            say=self._console.say,
            port=lambda: server.port,
        )

    def _start_parts(self) -> None:
        """Write down how the servers are reached, and start what uses them."""
        ports = {server.name: server.port for server in self._servers}
        urls = {name: url for server in self._servers for name, url in server.urls().items()}
        has_parts = self._scope == "all"
        if has_parts:
            kept = self._state.ports.get(API)
            ports[API] = api_port(self._environ, kept=kept, taken=list(ports.values()), claims=self._claims)
            self._state.api_url = f"http://{HOST}:{ports[API]}"
        self._state.ports |= ports
        self._entries = environment_write(
            self._folder,
            urls=urls,
            api_url=self._state.api_url,
            environ=self._environ,
            programs=self._downloads,
        )
        self._record(Phase.STARTING)
        if not has_parts:
            return
        for preparation in self._plan.preparations:
            self._run_preparation(preparation)
        for part in self._plan.parts:
            self._start_part(part)

    def _run_preparation(self, preparation: Preparation) -> None:
        self._console.step(preparation.name)
        log = self._folder.log(preparation.name)
        mark = log_size(log)

        def should_stop() -> bool:
            self._console.beat()
            return self._attention.stops_asked > 0

        outcome = run(
            self._command(preparation.name, preparation.argv, is_owner=True),
            deadline_seconds=preparation.deadline_seconds,
            ladder=TERMINATE_LADDER,
            should_stop=should_stop,
        )
        if self._attention.stops_asked:
            raise StopRequest
        if not outcome.is_success:
            raise PartStartError(
                f"{preparation.name} failed ({outcome.ending}, status {outcome.return_code}). "
                f"The end of {log}:\n{log_tail(log_since(log, mark))}"
            )
        self._console.say(f"{preparation.name} is done ({outcome.seconds:.1f} s)")

    def _start_part(self, part: Part) -> None:
        self._console.step(f"starting {part.name}")
        log = self._folder.log(part.name)
        mark = log_size(log)
        port = self._state.ports[API] if part.ready_path else None
        words = {"{port}": str(self._state.ports[API]), "{state}": str(self._folder.path)}
        argv = tuple(_filled(word, words) for word in part.argv)

        def is_ready() -> bool:
            if part.ready_path:
                return http_answers(self._state.api_url or "", part.ready_path)
            if part.ready_socket:
                return socket_answers(_filled(part.ready_socket, words))
            return keeper.runs_seconds >= part.settle_seconds

        keeper = Keeper(
            name=part.name,
            start=lambda: child_start(self._command(part.name, argv)),
            is_ready=is_ready,
            ladder=part.ladder,
            say=self._console.say,
            port=lambda: port,
        )
        keeper.start()
        self._part_keepers.append(keeper)
        while keeper.status is not PartStatus.READY:
            ended = keeper.child is None or keeper.child.wait_exit(0)
            if ended or keeper.runs_seconds > part.ready_seconds:
                what = "ended while starting" if ended else f"is not ready after {part.ready_seconds:g} s"
                raise PartStartError(f"{part.name} {what}. The end of {log}:\n{log_tail(log_since(log, mark))}")
            keeper.look()
            self._pause(_LOOK_SECONDS)
        self._record(Phase.STARTING)
        self._console.say(f"{part.name} is ready" + (f" on port {port}" if port else ""))

    def _command(self, name: str, argv: tuple[str, ...], *, is_owner: bool = False) -> Command:
        return Command(
            argv=argv,
            cwd=CHECKOUT,
            environment=application_environment(
                self._environ,
                entries=self._entries,
                folder=self._folder,
                stack=self._state.stack,
                is_owner=is_owner,
            ),
            output=self._folder.log(name),
        )

    def _watch(self) -> None:
        while True:
            keepers = [*self._server_keepers, *self._part_keepers]
            # Each is looked at: the list is made before any() could stop at the first change.
            if any([keeper.look() for keeper in keepers]):  # noqa: C419 - a generator would look at some only
                self._record(Phase.READY)
            if self._has_moved and all(keeper.status is PartStatus.READY for keeper in self._server_keepers):
                self._move()
            if time.monotonic() - self._tended_at >= _ORPHAN_LOOK_SECONDS:
                self._tend_orphans()
            if self._attention.stops_asked:
                raise StopRequest
            self._attention.wait(_LOOK_SECONDS)

    def _move(self) -> None:
        """Start the application anew after a server had to take another port."""
        self._console.say("a server has another port now: starting the application again")
        self._has_moved = False
        self._end(self._part_keepers)
        self._start_parts()
        self._record(Phase.READY)

    def _tend_orphans(self) -> bool:
        """Collect orphans, and end those that outlived their patience; tells whether any are left."""
        keepers = [*self._server_keepers, *self._part_keepers]
        living = orphans_collect([keeper.child.pid for keeper in keepers if keeper.child is not None])
        now = self._tended_at = time.monotonic()
        self._orphans_seen = {orphan: self._orphans_seen.get(orphan, now) for orphan in living}
        for orphan, seen_at in self._orphans_seen.items():
            if now - seen_at >= ORPHAN_SECONDS or self._attention.stops_asked > 1:
                orphan.send(signal.SIGKILL)
        return bool(living)

    def _stop(self) -> None:
        self._record(Phase.STOPPING)
        self._end(self._part_keepers)
        self._console.step("waiting for Terraform to save its state")
        while self._tend_orphans():
            self._console.beat()
            self._attention.wait(_LOOK_SECONDS)
        self._end(self._server_keepers)
        while self._tend_orphans():
            self._attention.wait(_LOOK_SECONDS)
        self._state.supervisor = None
        self._record(Phase.STOPPED)
        self._console.say("stopped")

    def _end(self, keepers: list[Keeper]) -> None:
        def wait(seconds: float) -> None:
            self._console.beat()
            self._attention.wait(seconds)

        for keeper in reversed(keepers):
            self._console.step(f"ending {keeper.name}")
            keeper.end(wait, lambda: self._attention.stops_asked > 1)
            self._state.parts[keeper.name] = keeper.state
        keepers.clear()

    def _pause(self, seconds: float) -> None:
        if self._attention.stops_asked:
            raise StopRequest
        self._console.beat()
        self._attention.wait(seconds)

    def _record(self, phase: Phase) -> None:
        self._state.phase = phase
        for keeper in (*self._server_keepers, *self._part_keepers):
            self._state.parts[keeper.name] = keeper.state
        try:
            self._state.save(self._folder)
        except OSError as error:
            # A full disk must not end servers that still serve; the next change is written again.
            self._console.say(f"{self._folder.state} could not be written: {error.strerror}")

    def _welcome(self) -> str:
        url = self._state.api_url
        where = f"the API answers at {url}, the admin site at {url}/admin/" if url else "the servers are ready"
        return f"up: {where}; addresses are in {self._folder.environment}, logs in {self._folder.path / 'logs'}"


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word
