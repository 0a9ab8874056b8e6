"""Queue and cache stand on one server: what their users are refused there, and what is left of them in the end."""

from platform_api.embedded.demo.chapters.caches import PAGE, page_key, page_read
from platform_api.embedded.demo.chapters.queues import MAILS, queue_length
from platform_api.embedded.demo.customers import valkey
from platform_api.embedded.demo.ordering import Ordered
from platform_api.embedded.demo.stage import Stage
from platform_api.embedded.demo.target import traces

_Commands = tuple[tuple[str, ...], ...]

_RULING: _Commands = (
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("INFO", "server"),
    ("CLIENT", "LIST"),
    ("ACL", "LIST"),
    ("CONFIG", "GET", "maxmemory"),
    ("EVAL", "return 1", "0"),
    # Were it not refused, it would be a syntax error: the demo never asks for what would empty somebody's server.
    ("FLUSHALL", "NOT-REALLY"),
)
"""What shows everybody's keys, stops the server or rules it."""


def walls_see(stage: Stage, *, queue: Ordered, cache: Ordered) -> None:
    """Try what users of one server must not do to each other or to the server, and see that all of it is refused."""
    stream, page = queue.outputs["stream"], page_key(cache)
    beside = f"{queue.outputs['key_prefix']}beside"
    with valkey.connected(stage, queue.uri) as queue_user, valkey.connected(stage, cache.uri) as cache_user:
        as_queue, as_cache = {"AS THE QUEUE'S USER": queue_user}, {"AS THE CACHE'S USER": cache_user}
        tries: _Commands = (("XLEN", page), ("XADD", page, "*", "a", "b"), ("XADD", beside, "*", "a", "b"))
        _refused(stage, "the queue's user is refused every key but its stream", tries, as_queue)
        # Were it not refused, it would be gone in a second, and is nobody's key.
        bare = ("SET", stage.name("front"), "x", "PX", "1000")
        tries = (("GET", stream), ("DEL", stream), bare)
        _refused(stage, "the cache's user is refused every key without its prefix", tries, as_cache)
        _refused(stage, "both are refused what shows all keys or rules the server", _RULING, as_queue | as_cache)
    stage.see("the queue is as it was", expected=len(MAILS), came=queue_length(stage, queue))
    stage.see("and so is the cache", expected=PAGE, came=page_read(stage, cache))


def users_there(stage: Stage, *customers: Ordered) -> None:
    """See that the server has users and keys; only its admin can tell, for customers see nothing of each other."""
    there = traces(stage, *(customer.username for customer in customers))
    stage.display.say("By the word of the server's admin:")
    stage.display.table([("USER", "KEYS"), *((name, ", ".join(keys)) for name, keys in there.items())])
    stage.see(
        "the server has their users, each with keys",
        expected={customer.username for customer in customers},
        came={name for name, keys in there.items() if keys},
    )


def users_gone(stage: Stage, *customers: Ordered) -> None:
    """See that the server has neither users nor keys of them any more."""
    for customer in customers:
        refusal = valkey.refusal_of(stage, customer.uri)
        stage.display.say(refusal)
        stage.see(f"nobody can log in to {customer.name} with the old credentials", expected=True, came=bool(refusal))
    left = traces(stage, *(customer.username for customer in customers))
    stage.see("users and keys are gone from the server", expected={}, came=left)


def _refused(stage: Stage, claim: str, tries: _Commands, users: dict[str, valkey.Client]) -> None:
    errors = {" ".join(command): [valkey.error_of(user, *command) for user in users.values()] for command in tries}
    rows = [(command, *(error or "was carried out" for error in came)) for command, came in errors.items()]
    stage.display.table([("COMMAND", *users), *rows])
    done = [command for command, came in errors.items() if set(came) != {valkey.NO_PERMISSION}]
    stage.see(claim, expected=[], came=done)
