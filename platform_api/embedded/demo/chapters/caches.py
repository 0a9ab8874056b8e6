"""A cache: keys under a prefix, which live as long as they are told to."""

import time
from typing import Any

from platform_api.embedded.demo.customers import valkey
from platform_api.embedded.demo.ordering import Ordered, resource_order
from platform_api.embedded.demo.stage import Stage

PAGES = "pages"
PAGE = "<h1>Bread and milk</h1>"
_LIFE_SECONDS = 300
_SHORT_LIFE_MILLISECONDS = 200
_BOUND_SECONDS = 10
_LOOK_SECONDS = 0.05


def cache_order(stage: Stage) -> dict[str, Any]:
    """Order a cache; returns the request, as its submission was answered."""
    body = {
        "offering": "valkey-cache",
        "plan": "small",
        "name": stage.name(PAGES),
        "reason": "Pages that are slow to make",
    }
    request: dict[str, Any] = resource_order(stage, body).body
    return request


def cache_use(stage: Stage, cache: Ordered) -> None:
    """Keep a page, and see another one run out."""
    front, flash = page_key(cache), f"{cache.outputs['key_prefix']}flash"
    with valkey.connected(stage, cache.uri) as client:
        client.set(front, PAGE, ex=_LIFE_SECONDS)
        stage.display.say(f"SET {front} EX {_LIFE_SECONDS}")
        stage.see("what was kept is read", expected=PAGE, came=client.get(front))
        left = client.ttl(front)
        stage.see("it has at most five minutes to live", expected=True, came=0 < left <= _LIFE_SECONDS)
        client.set(flash, PAGE, px=_SHORT_LIFE_MILLISECONDS)
        stage.display.say(f"SET {flash} PX {_SHORT_LIFE_MILLISECONDS}")
        deadline = time.monotonic() + _BOUND_SECONDS
        while client.exists(flash) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        stage.see("what has lived its time is gone", expected=None, came=client.get(flash))


def page_key(cache: Ordered) -> str:
    """Name the key of the page that is kept."""
    return f"{cache.outputs['key_prefix']}front"


def page_read(stage: Stage, cache: Ordered) -> str | None:
    """Read the page that is kept, as the cache's owner."""
    with valkey.connected(stage, cache.uri) as client:
        page: str | None = client.get(page_key(cache))
        return page
