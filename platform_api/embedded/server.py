"""What the stack asks of any server that it runs itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from platform_api.embedded.folder import StateFolder
from platform_api.embedded.ports import DEFAULT_RANGE, port_pick
from platform_api.process.commands import Command
from platform_api.process.ladders import Ladder


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """What all servers of one stack share."""

    # Their whole environment, with the stack's marker.
    environment: Mapping[str, str]
    # Whether data survive a crash of the machine; only tests do without.
    is_durable: bool = True
    # Where their ports are picked from.
    ports: range = DEFAULT_RANGE


class Server(ABC):
    """A server of the stack: made ready once, then started as often as needed.

    The order of calls is `prepare` (and its command), `prepared`, `command`, `is_ready` until it says yes,
    `set_up`.
    """

    # How it is asked to end.
    ladder: Ladder

    def __init__(self, *, name: str, folder: StateFolder, port: int, settings: ServerSettings) -> None:
        self.name = name
        self.folder = folder
        # Changed when somebody else took it before the server could.
        self.port = port
        self.settings = settings

    def move(self, others: Iterable["Server"]) -> None:
        """Take another free port, one that none of the others was promised.

        Raises:
            PortError: None is free.
        """
        self.port = port_pick(self.settings.ports, taken=[other.port for other in others])

    @abstractmethod
    def urls(self) -> dict[str, str]:
        """Tell how it is reached: setting's name to address. The addresses hold passwords."""

    @abstractmethod
    def prepare(self) -> Command | None:
        """Make what must be there before the first start; gives a command where a program has to do it."""

    @abstractmethod
    def prepared(self) -> None:
        """Take over what the command of `prepare` made; called after its success only."""

    @abstractmethod
    def command(self) -> Command:
        """Say how it is started on its present port."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether it serves, by using it."""

    @abstractmethod
    def set_up(self) -> None:
        """Bring what is inside into the state that the stack needs; may be repeated at each start."""
