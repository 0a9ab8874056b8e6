"""A Valkey (or Redis) of our own: loopback only, with a password, its data kept in an append-only file."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_api.core.errors import UnavailableError
from platform_api.embedded.folder import StateFolder, private_write
from platform_api.embedded.ports import HOST
from platform_api.embedded.ready import valkey_answers
from platform_api.embedded.secret_files import password_make, secret_once, valkey_users
from platform_api.embedded.server import Server, ServerSettings
from platform_api.process.commands import Command
from platform_api.process.ladders import Ladder, Step
from platform_api.process.programs import Program

_CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
daemonize no
logfile ""
dir .
save ""
appendonly {append_only}
appendfsync everysec
maxmemory {max_memory}
maxmemory-policy {policy}
aclfile users.acl
"""


MEMORY_VARIABLE = "SLIPWAY_FLEET_VALKEY_MEMORY"
_SIZE = re.compile(r"[1-9][0-9]*(mb|gb)")


class ValkeyMemoryError(UnavailableError):
    """The limit of the customers' server cannot be read."""

    code = "valkey_memory_unreadable"
    title = "The limit of memory of the fleet's Valkey cannot be read"
    remedy = f"Set {MEMORY_VARIABLE} to megabytes or gigabytes such as 512mb, or leave it away."


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a server may take, and what happens then."""

    most: str
    """As the server reads it, such as ``256mb``; ``0`` is no limit."""

    policy: str
    """The server's word for what makes room."""


UNLIMITED = Memory(most="0", policy="noeviction")
"""Of the broker: no customer writes to it, and a hint that is refused helps nobody."""


def fleet_memory(environ: Mapping[str, str]) -> Memory:
    """Read what the customers' server may take: ``SLIPWAY_FLEET_VALKEY_MEMORY``, 256mb unless it says otherwise.

    Keys that have a time to live make room: those of caches. A stream and the register have none, so nothing of a queue
    is ever evicted; when no such key is left, writes are refused.

    Raises:
        ValkeyMemoryError: It is no size.
    """
    most = environ.get(MEMORY_VARIABLE) or "256mb"
    if not _SIZE.fullmatch(most):
        raise ValkeyMemoryError(f"{MEMORY_VARIABLE}={most} is no size like 256mb or 2gb.")
    return Memory(most=most, policy="volatile-lru")


class ValkeyServer(Server):
    """One Valkey with one administrator; users added later (``ACL SAVE``) outlive a restart."""

    ladder: Ladder = (Step(signal=signal.SIGTERM, seconds=10),)

    def __init__(
        self,
        *,
        name: str,
        folder: StateFolder,
        port: int,
        settings: ServerSettings,
        program: Program,
        user: str,
        variable: str,
        memory: Memory,
    ) -> None:
        """Describe the server.

        Args:
            name: The part's name; its data folder and log are called so.
            folder: The stack's folder.
            port: Where it listens on the loopback address.
            settings: What all servers of the stack share.
            program: The server's program.
            user: The administrator; ``default`` is the user of clients that name none.
            variable: The setting that tells its address.
            memory: What it may take.
        """
        super().__init__(name=name, folder=folder, port=port, settings=settings)
        self._program = program
        self._user = user
        self._variable = variable
        self._memory = memory

    @property
    def data(self) -> Path:
        """Where its data are."""
        return self.folder.path / self.name

    def urls(self) -> dict[str, str]:
        """Tell its address, with user and password."""
        return {self._variable: f"redis://{self._user}:{self._password()}@{HOST}:{self.port}/0"}

    def prepare(self) -> Command | None:
        """Make the data folder and the list of users, once; no program is needed for it."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        # Hashes only. Once made the file is the server's own: ACL SAVE writes users that are added later into
        # it.
        users = self.data / "users.acl"
        if not users.exists():
            private_write(users, valkey_users(self._user, self._password()))
        return None

    def prepared(self) -> None:
        """Leave all as it is: no program made anything."""

    def command(self) -> Command:
        """Write the configuration for the present port, and say how the server is started."""
        text = _CONFIGURATION.format(
            host=HOST,
            port=self.port,
            append_only="yes" if self.settings.is_durable else "no",
            max_memory=self._memory.most,
            policy=self._memory.policy,
        )
        private_write(self.data / "valkey.conf", text)
        return Command(
            argv=(str(self._program.path), "valkey.conf"),
            cwd=self.data,
            environment=self.settings.environment,
            output=self.folder.log(self.name),
            parent_death_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        """Log in and ping."""
        return valkey_answers(self.urls()[self._variable])

    def set_up(self) -> None:
        """Leave all as it is: its one user is there from the start."""

    def _password(self) -> str:
        return secret_once(self.folder.secrets / self.name, password_make)
