"""Pick free ports on the loopback address, and keep them from one start to the next."""

import random
import socket
import sys
from collections.abc import Collection, Mapping
from typing import Self

from platform_api.core.errors import UnavailableError

HOST = "127.0.0.1"
RANGE_VARIABLE = "SLIPWAY_PORT_RANGE"
# Above PostgreSQL's well-known port, below what Linux and macOS give to outgoing connections: such a one
# could otherwise sit on a kept port by chance.
DEFAULT_RANGE = range(15432, 32768)
API_PORT_VARIABLE = "SLIPWAY_API_PORT"
_HIGHEST = 65535
_API_PORT = 8000  # what people expect of a web server under development


class PortError(UnavailableError):
    """No port can be had; the text names the range or variable at fault."""

    code = "port_unavailable"
    title = "No free port was found for a part of the local stack"
    remedy = f"Set {RANGE_VARIABLE} to a wider range, for instance 20000-30000."


def port_range(environ: Mapping[str, str]) -> range:
    """Read the range that ports are picked from: ``SLIPWAY_PORT_RANGE=FIRST-LAST``, both included.

    Raises:
        PortError: The variable is no such range within 1-65535.
    """
    text = environ.get(RANGE_VARIABLE)
    if not text:
        return DEFAULT_RANGE
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last) <= _HIGHEST):
        raise PortError(f"{RANGE_VARIABLE}={text} is no range of ports like 20000-30000, within 1-{_HIGHEST}.")
    return range(int(first), int(last) + 1)


def port_is_free(port: int) -> bool:
    """Tell whether nobody listens on a port of the loopback address."""
    with socket.socket() as probe:
        # Connections of an ended server that still linger do not count; a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def port_pick(allowed: range, *, taken: Collection[int] = ()) -> int:
    """Pick a free port at random.

    Args:
        allowed: Where to pick from.
        taken: Ports promised to others already, though nobody may listen yet.

    Raises:
        PortError: None of the range is free.
    """
    for port in random.sample(allowed, k=len(allowed)):
        if port not in taken and port_is_free(port):
            return port
    raise PortError(f"Every port of {HOST} from {allowed[0]} to {allowed[-1]} is taken.")


class Claims:
    """Ports that this process has promised to a part which listens seconds later.

    The API's processes share their port (SO_REUSEPORT). Two stacks of one user that both find it free would both serve
    on it, each half of the other's callers. A claim is a name in Linux's abstract namespace of unix sockets, which is
    one with the ports' namespace and forgets its holder at once; elsewhere the look at the port has to do.
    Leaving it as a context manager gives all of them back.
    """

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def take(self, port: int) -> bool:
        """Claim a port; tells whether it is ours."""
        if port in self._held or not sys.platform.startswith("linux"):
            return True
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0slipway-port-{port}")
        except OSError:
            claim.close()
            return False
        self._held[port] = claim
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            self._held.popitem()[1].close()


def api_port(environ: Mapping[str, str], *, kept: int | None, taken: Collection[int], claims: Claims) -> int:
    """Choose where the API listens: ``SLIPWAY_API_PORT``, else the kept port, else 8000, else any free one.

    Args:
        environ: Where the variables are read.
        kept: The port of an earlier start.
        taken: Ports of the stack's servers.
        claims: Where the choice is noted, so that no other stack makes the same.

    Raises:
        PortError: The variable is no port, or somebody else has it; or none is free.
    """
    named = environ.get(API_PORT_VARIABLE)
    if named:
        if not (named.isdecimal() and 1 <= int(named) <= _HIGHEST):
            raise PortError(f"{API_PORT_VARIABLE}={named} is no port within 1-{_HIGHEST}.", remedy="")
        if int(named) in taken or not (port_is_free(int(named)) and claims.take(int(named))):
            raise PortError(
                f"Port {named} ({API_PORT_VARIABLE}) is taken by another process.", remedy="Set another one."
            )
        return int(named)
    for port in (kept, _API_PORT):
        if port is not None and port not in taken and port_is_free(port) and claims.take(port):
            return port
    refused = set(taken)
    while True:
        picked = port_pick(port_range(environ), taken=refused)
        if claims.take(picked):
            return picked
        refused.add(picked)
