"""``python -m platform_api.embedded.containers.health``: does what runs in this container do its work?

| asked | healthy when |
|---|---|
| ``http PORT PATH`` | the page is answered with 200 |
| ``socket PATH`` | somebody takes the call |
| ``connected PORT`` | a TCP connection to that port is open |

A dispatcher is always connected to the database (5432), a worker to the broker (6379).
"""

import sys
from pathlib import Path

from platform_api.embedded.ready import http_answers, socket_answers

_ESTABLISHED = "01"  # Linux: TCP_ESTABLISHED in the column st of /proc/net/tcp
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def is_connected(port: int, *, tables: tuple[Path, ...] = _TABLES) -> bool:
    """Tell whether anything in this network namespace, so in this container, has a connection to a remote port."""
    for table in tables:
        if not table.exists():  # a kernel without IPv6
            continue
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            remote, state = line.split()[2:4]
            if state == _ESTABLISHED and int(remote.rpartition(":")[2], 16) == port:
                return True
    return False


def main(arguments: list[str]) -> int:
    """Return 0 where all is well, 1 where it is not, 2 where the question is none."""
    match arguments:
        case ["http", port, path]:
            is_well = http_answers(f"http://127.0.0.1:{port}", path)
        case ["socket", path]:
            is_well = socket_answers(path)
        case ["connected", port]:
            is_well = is_connected(int(port))
        case _:
            sys.stderr.write("usage: http PORT PATH, socket PATH, or connected PORT\n")
            return 2
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
