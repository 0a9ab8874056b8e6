"""Everywhere that a secret could have gone, collected while a life is lived, and searched afterwards.

Two kinds of collecting: watchers look again and again while things run (processes, run folders, the broker); what lies
still (files, rows, what is sealed) is read at the end. A sample is a name, for the person who has to find the leak, and
the bytes found there.
"""

import base64
import io
import json
import os
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from psycopg import sql

from platform_api.process.identity import descendants
from tests.e2e.live import Connection, LiveStack

LOOK_SECONDS = 0.02
_READ_BYTES = 4 * 1024 * 1024
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
Samples = dict[str, set[tuple[str, bytes]]]
"""By kind of place."""


def forms(needle: str | bytes) -> list[bytes]:
    """Return how a text may be written: as it is, for URLs, in hex, and in base 64 wherever it begins."""
    clear = needle.encode() if isinstance(needle, str) else needle
    found = [clear, quote(clear, safe="").encode(), clear.hex().encode(), clear.hex().upper().encode()]
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + clear)
        # The first and last characters depend on what stands beside it.
        part = encoded[-(-offset * 8 // 6) : -4 if (offset + len(clear)) % 3 else None]
        found += [part, part.translate(_URL_SAFE)]
    return found


def search(samples: Samples, needle: str | bytes) -> dict[str, list[str]]:
    """Return the names of the samples that hold a text in any of its forms, by kind of place."""
    written = forms(needle)
    return {
        kind: found
        for kind, held in samples.items()
        if (found := sorted({name for name, content in held if any(form in content for form in written)}))
    }


class Evidence:
    """What was collected of one life.

    Attributes:
        samples: By kind of place.
    """

    def __init__(self, stack: LiveStack) -> None:
        self.samples: Samples = defaultdict(set)
        self._stack = stack
        self._is_over = threading.Event()
        self._faults: list[BaseException] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch processes, run folders and broker meanwhile, and read what lies still afterwards."""
        with ExitStack() as ends:
            for look in (self._look_at_processes, self._look_at_runs, self._look_at_broker):
                thread = threading.Thread(target=self._again_and_again, args=(look,))
                thread.start()
                ends.callback(thread.join)
            monitor = threading.Thread(target=self._monitor)
            monitor.start()
            ends.callback(monitor.join)
            ends.callback(self._is_over.set)
            yield
        assert self._faults == [], [repr(fault) for fault in self._faults]
        self._read_files()
        self._read_sealed()
        self.read_tables()

    def read_tables(self) -> None:
        """Read every value of Slipway's own database as it is at this moment."""
        with self._stack.control() as control:
            self.samples["tables"] |= set(rows(control))

    def _again_and_again(self, look: Callable[[], None]) -> None:
        try:
            while not self._is_over.is_set():
                look()
                self._is_over.wait(LOOK_SECONDS)
        except BaseException as error:  # noqa: BLE001 - handed to the test, which fails of it
            self._faults.append(error)

    def _look_at_processes(self) -> None:
        for process in descendants(self._stack.supervisor.pid):
            self.look_at_process(process.pid)

    def look_at_process(self, pid: int) -> None:
        """Keep the arguments and the environment of a process: others can read the first, its children both."""
        for what in ("cmdline", "environ"):
            self._keep_file("processes", Path(f"/proc/{pid}/{what}"), name=what)

    def _look_at_runs(self) -> None:
        for folder, _folders, names in os.walk(self._stack.folder.path / "worker" / "runs"):
            for name in names:
                self._keep_file("run folders", Path(folder) / name, name=name)

    def _look_at_broker(self) -> None:
        with redis.Redis.from_url(self._stack.url("REDIS_URL")) as broker:
            self.samples["broker keys"] |= set(entries(broker))

    def _monitor(self) -> None:
        try:
            url = self._stack.url("REDIS_URL")
            with redis.Redis.from_url(url, socket_timeout=5) as broker, broker.monitor() as tap:
                while not self._is_over.is_set():
                    if not tap.connection.can_read(timeout=0.2):  # no read is broken off in the midst of a line
                        continue
                    told = tap.next_command()["command"]
                    self.samples["broker commands"].add((told.partition(" ")[0], told.encode()))
        except BaseException as error:  # noqa: BLE001 - handed to the test, which fails of it
            self._faults.append(error)

    def _keep_file(self, kind: str, path: Path, *, name: str) -> None:
        try:
            with path.open("rb") as file:
                content = file.read(_READ_BYTES)
        except OSError:  # it ended, or was removed, between two looks
            return
        self.samples[kind].add((name, content))
        if zipfile.is_zipfile(io.BytesIO(content)):
            self.samples[kind] |= set(members(name, content))

    def _read_files(self) -> None:
        """Read every file of the stack: logs, the servers' data with their write-ahead logs, templates."""
        for folder, _folders, names in os.walk(self._stack.folder.path):
            kind = "logs" if Path(folder).name == "logs" else "files"
            for name in names:
                path = Path(folder) / name
                if path.is_file():
                    self.samples[kind].add((str(path), path.read_bytes()))

    def _read_sealed(self) -> None:
        """Open all plans and states that are kept."""
        keys = self._stack.keys()
        with self._stack.control() as control:
            for run_id, digest, sealed in control.execute("SELECT run_id, digest, sealed FROM plan_file"):
                plan = keys.open(sealed, place=f"plan_file/{run_id}/{digest}")
                self.samples["plans"] |= set(members(f"plan of {run_id}", plan))
            for resource_id, lineage, serial, sealed in control.execute(
                "SELECT resource_id, lineage, serial, sealed FROM state_version"
            ):
                place = f"state_version/{resource_id}/{lineage}/{serial}"
                self.samples["states"].add((place, keys.open(sealed, place=place)))


def members(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Unpack a saved plan: itself, and each of its members."""
    yield name, content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.namelist():
            yield f"{name}: {member}", archive.read(member)


def entries(broker: "redis.Redis") -> Iterator[tuple[str, bytes]]:
    """Read every key of a Valkey with all that it holds; DUMP would give it compressed, which hides a text."""
    read: dict[bytes | str, Callable[[bytes], Any]] = {
        b"string": broker.get,
        b"list": lambda key: broker.lrange(key, 0, -1),
        b"set": broker.smembers,
        b"hash": broker.hgetall,
        b"zset": lambda key: broker.zrange(key, 0, -1),
        b"none": lambda _key: None,  # taken away between two looks
    }
    for key in broker.scan_iter():
        held = read[broker.type(key)](key)
        yield key.decode(), key + repr(held).encode()


def rows(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """Read every value of every table of a database; a sample is named after table and column."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    for schema, table in tables:
        cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table)))
        columns = [column.name for column in cursor.description or ()]
        for row in cursor:
            for column, value in zip(columns, row, strict=True):
                if value is not None:
                    yield f"{table}.{column}", _bytes_of(value)


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    return json.dumps(value, ensure_ascii=False, default=str).encode()
