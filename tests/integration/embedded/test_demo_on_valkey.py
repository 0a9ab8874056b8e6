"""The demo's chapters on queue and cache, on a real Valkey: they see what is promised, and fail where it is not so."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest

from platform_api.embedded.demo.chapters.caches import cache_use, page_key
from platform_api.embedded.demo.chapters.queues import queue_use
from platform_api.embedded.demo.chapters.walls import users_gone, users_there, walls_see
from platform_api.embedded.demo.ordering import Ordered
from platform_api.embedded.demo.stage import ExpectationError, Stage
from tests.integration.fleet_valkey import ValkeyFleet
from tests.unit.embedded.demo.house import House

QUEUE_RULES = ("+@stream", "+ping", "+select|0", "+client|setinfo")
CACHE_RULES = ("+@string", "+del", "+exists", "+ttl", "+ping", "+select|0", "+client|setinfo")


class Server:
    """A server with a queue and a cache on it, made by hand."""

    def __init__(self, fleet: ValkeyFleet) -> None:
        self.fleet = fleet
        self.house = House({}, fleet_valkey_url=fleet.url)
        name = f"demo_{secrets.token_hex(4)}"
        self.queue = self._ordered(f"{name}_jobs", stream=f"{name}_jobs:stream", consumer_group="mailers")
        self.cache = self._ordered(f"{name}_pages")
        fleet.do("XGROUP", "CREATE", self.queue.outputs["stream"], "mailers", "0", "MKSTREAM")
        self.allow(self.queue, f"~{self.queue.outputs['stream']}", *QUEUE_RULES)
        self.allow(self.cache, f"~{self.cache.username}:*", *CACHE_RULES)

    @property
    def stage(self) -> Stage:
        return self.house.stage

    @property
    def everything(self) -> tuple[Ordered, Ordered]:
        return self.queue, self.cache

    def allow(self, ordered: Ordered, *rules: str) -> None:
        self.fleet.do("ACL", "SETUSER", ordered.username, "on", ">secret", *rules)

    def used(self) -> "Server":
        """Have both used as the demo does."""
        queue_use(self.stage, self.queue)
        cache_use(self.stage, self.cache)
        return self

    def sweep(self) -> None:
        for ordered in self.everything:
            self.fleet.sweep(ordered.username)

    def _ordered(self, name: str, **outputs: str) -> Ordered:
        address = self.fleet.admin.connection_pool.connection_kwargs
        return Ordered(
            id=name,
            name=name,
            username=name,
            uri=f"redis://{name}:secret@{address['host']}:{address['port']}/0",
            outputs={"key_prefix": f"{name}:", **outputs},
        )


@pytest.fixture
def server() -> Iterator[Server]:
    fleet = ValkeyFleet.at(os.environ["FLEET_VALKEY_URL"])
    server = Server(fleet)
    yield server
    server.sweep()
    fleet.admin.close()


def test_on_a_server_that_keeps_its_word_everything_is_seen(server: Server) -> None:
    server.used()
    walls_see(server.stage, queue=server.queue, cache=server.cache)
    users_there(server.stage, *server.everything)
    server.sweep()
    users_gone(server.stage, *server.everything)
    assert server.stage.display.seen_count == 16
    assert "secret" not in server.house.shown


def test_a_queue_that_has_another_group_is_no_success(server: Server) -> None:
    server.fleet.do("XGROUP", "CREATE", server.queue.outputs["stream"], "somebody", "0")
    with pytest.raises(ExpectationError, match="the consumer group that was ordered"):
        queue_use(server.stage, server.queue)


def test_a_queue_that_delivers_what_nobody_wrote_is_no_success(server: Server) -> None:
    server.fleet.do("XADD", server.queue.outputs["stream"], "*", "mail", "stray")
    with pytest.raises(ExpectationError, match="each entry is delivered once"):
        queue_use(server.stage, server.queue)


def test_a_queue_that_refuses_its_owner_is_no_success(server: Server) -> None:
    server.allow(server.queue, "-xack")
    with pytest.raises(ExpectationError, match="serves its owner"):
        queue_use(server.stage, server.queue)


def test_a_cache_that_refuses_its_owner_is_no_success(server: Server) -> None:
    server.allow(server.cache, "-ttl")
    with pytest.raises(ExpectationError, match="serves its owner"):
        cache_use(server.stage, server.cache)


@pytest.mark.parametrize(
    ("noun", "rules", "claim", "came"),
    [
        ("queue", ("allkeys",), "every key but its stream", r"\['XLEN "),
        ("queue", ("+keys",), "shows all keys or rules the server", r"\['KEYS \*'\]"),
        ("cache", ("allkeys",), "every key without its prefix", r"'SET front-0a1b2c x PX 1000'"),
        ("cache", ("+config|get", "+flushall"), "shows all keys or rules the server", r"'FLUSHALL NOT-REALLY'"),
    ],
    ids=["the queue's user reaches other keys", "it may list keys", "so may the cache's", "it may flush"],
)
def test_a_user_that_may_more_than_was_promised_is_no_success(
    server: Server, noun: str, rules: tuple[str, ...], claim: str, came: str
) -> None:
    server.used()
    server.allow(server.queue if noun == "queue" else server.cache, *rules)
    with pytest.raises(ExpectationError, match=rf"{claim}\.(?s:.*)came .*{came}"):
        walls_see(server.stage, queue=server.queue, cache=server.cache)
    assert server.fleet.do("EXISTS", page_key(server.cache)), "nothing was flushed"


def test_a_user_without_keys_is_not_there(server: Server) -> None:
    with pytest.raises(ExpectationError, match="each with keys"):
        users_there(server.stage, *server.everything)


def test_credentials_that_still_log_in_are_no_success(server: Server) -> None:
    with pytest.raises(ExpectationError, match="nobody can log in"):
        users_gone(server.stage, *server.everything)


def test_a_stream_that_stayed_is_no_success(server: Server) -> None:
    for ordered in server.everything:
        server.fleet.do("ACL", "DELUSER", ordered.username)
    with pytest.raises(ExpectationError, match="are gone from the server") as caught:
        users_gone(server.stage, *server.everything)
    assert server.queue.outputs["stream"] in caught.value.detail


def test_a_server_that_is_gone_has_not_refused_anybody(server: Server) -> None:
    away = replace(server.queue, uri="redis://name:secret@127.0.0.1:1/0")
    with pytest.raises(ExpectationError, match="serves its owner"):
        users_gone(server.stage, away)
