"""A queue: written, and read by the consumer group that was ordered with it."""

from typing import Any

from platform_api.embedded.demo.customers import valkey
from platform_api.embedded.demo.ordering import Ordered, resource_order
from platform_api.embedded.demo.stage import Stage

JOBS = "jobs"
MAILS = ("welcome", "invoice", "reminder")
_GROUP = "mailers"


def queue_order(stage: Stage) -> dict[str, Any]:
    """Order a queue; returns the request, as its submission was answered."""
    body = {
        "offering": "valkey-queue",
        "plan": "small",
        "name": stage.name(JOBS),
        "parameters": {"consumer_group": _GROUP},
        "reason": "Mails that are sent in the background",
    }
    request: dict[str, Any] = resource_order(stage, body).body
    return request


def queue_use(stage: Stage, queue: Ordered) -> None:
    """Write entries as a producer, and have them delivered to two readers of the group."""
    stream, group = queue.outputs["stream"], queue.outputs["consumer_group"]
    with valkey.connected(stage, queue.uri) as client:
        groups = [found["name"] for found in client.xinfo_groups(stream)]
        stage.see("the stream has the consumer group that was ordered", expected=[_GROUP], came=groups)
        sent = [client.xadd(stream, {"mail": mail}, maxlen=10_000, approximate=False) for mail in MAILS]
        stage.display.say(f"XADD {stream}: {', '.join(sent)}")
        delivered = {reader: _read(client, stream, group, reader) for reader in ("one", "two", "three")}
        for reader, entries in delivered.items():
            stage.display.say(f"XREADGROUP {group} {reader}: {', '.join(entries.values()) or 'nothing'}")
        stage.see(
            "each entry is delivered once, in order, to one of three readers",
            expected=[[*MAILS[:2]], [*MAILS[2:]], []],
            came=[list(entries.values()) for entries in delivered.values()],
        )
        pending = client.xpending(stream, group)["pending"]
        stage.see("what was delivered is pending", expected=len(MAILS), came=pending)
        for entries in filter(None, delivered.values()):
            client.xack(stream, group, *entries)
        stage.see("until it is acknowledged", expected=0, came=client.xpending(stream, group)["pending"])


def queue_length(stage: Stage, queue: Ordered) -> int:
    """Count the entries, as the queue's owner."""
    with valkey.connected(stage, queue.uri) as client:
        return int(client.xlen(queue.outputs["stream"]))


def _read(client: valkey.Client, stream: str, group: str, reader: str) -> dict[str, str]:
    """Take two entries at most; returns what is in them by their ids."""
    answer = client.xreadgroup(group, reader, {stream: ">"}, count=2)
    return {entry: fields["mail"] for _, entries in answer or () for entry, fields in entries}
