import socket
import sys
from collections.abc import Iterator

import pytest

from platform_api.embedded.ports import (
    DEFAULT_RANGE,
    Claims,
    PortError,
    api_port,
    port_is_free,
    port_pick,
    port_range,
)


@pytest.fixture
def claims() -> Iterator[Claims]:
    with Claims() as ours:
        yield ours


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", port_pick(DEFAULT_RANGE))) as server:
        yield server.getsockname()[1]


def test_a_port_with_a_listener_is_not_free(taken: int) -> None:
    assert not port_is_free(taken)


def test_taken_and_promised_ports_are_not_picked(taken: int) -> None:
    with pytest.raises(PortError, match=f"Every port of 127.0.0.1 from {taken} to {taken} is taken"):
        port_pick(range(taken, taken + 1))
    free = port_pick(DEFAULT_RANGE)
    with pytest.raises(PortError):
        port_pick(range(free, free + 1), taken=[free])


def test_the_range_is_read_with_both_ends() -> None:
    assert port_range({"SLIPWAY_PORT_RANGE": "2000-2001"}) == range(2000, 2002)
    assert port_range({}) == DEFAULT_RANGE


@pytest.mark.parametrize("text", ["2000", "a-b", "0-10", "20-10", "1-70000", "-5-9"])
def test_a_range_that_is_none_is_told(text: str) -> None:
    with pytest.raises(PortError, match="SLIPWAY_PORT_RANGE"):
        port_range({"SLIPWAY_PORT_RANGE": text})


def test_the_api_listens_where_it_is_told_or_where_it_did(claims: Claims) -> None:
    free = port_pick(DEFAULT_RANGE)
    assert api_port({"SLIPWAY_API_PORT": str(free)}, kept=1, taken=[], claims=claims) == free
    assert api_port({}, kept=free, taken=[], claims=claims) == free
    assert api_port({}, kept=free, taken=[free], claims=claims) != free


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has abstract sockets")
def test_of_two_stacks_that_look_at_the_same_time_one_gets_the_port(claims: Claims) -> None:
    free = port_pick(DEFAULT_RANGE)
    assert api_port({}, kept=free, taken=[], claims=claims) == free
    assert api_port({}, kept=free, taken=[], claims=claims) == free, "who has it keeps it"
    with Claims() as second:
        assert api_port({}, kept=free, taken=[], claims=second) != free
        with pytest.raises(PortError, match=f"Port {free}"):
            api_port({"SLIPWAY_API_PORT": str(free)}, kept=None, taken=[], claims=second)
        with claims:
            pass
        assert api_port({}, kept=free, taken=[], claims=second) == free, "given back"


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1"])
def test_a_port_that_is_none_is_told(text: str, claims: Claims) -> None:
    with pytest.raises(PortError, match="SLIPWAY_API_PORT"):
        api_port({"SLIPWAY_API_PORT": text}, kept=None, taken=[], claims=claims)


def test_a_named_port_that_is_taken_is_told_and_not_replaced(taken: int, claims: Claims) -> None:
    with pytest.raises(PortError, match=f"Port {taken}"):
        api_port({"SLIPWAY_API_PORT": str(taken)}, kept=None, taken=[], claims=claims)
