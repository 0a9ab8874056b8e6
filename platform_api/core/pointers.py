"""JSON pointers (RFC 6901) in the form of a URI fragment, as findings carry them: ``#/plan``, ``#/parameters/a~1b``."""

from collections.abc import Iterable


def escape(name: str) -> str:
    """Escape one step of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def pointer(path: Iterable[str | int]) -> str:
    """Return the pointer that leads down a path of keys and indexes; ``#`` for an empty one."""
    return "".join(["#", *(f"/{escape(str(step))}" for step in path)])
