"""The short way to PostgreSQL, for texts that never change: prepared once a connection, then one exchange each.

A cursor of psycopg's looks at a text, at the kind of each value and at what it has prepared so far, and waits for an
answer in steps, each of which gives up Python's lock and takes it again: half of what the ordering statement cost a
process. Here all of that is known beforehand, and libpq does the rest in one call. Values that this module does not
know are left to psycopg.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from operator import attrgetter
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg.abc import Transformer as Reader
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

STALE = frozenset({"0A000", "26000"})
"""SQLSTATE where a migration has changed the type of a column since a text was prepared, or where psycopg has had
everything forgotten that was, as it does after a rollback. Nothing was begun then."""


class UnknownKindError(TypeError):
    """A value that psycopg has to write."""


def _text(value: str) -> bytes:
    if "\0" in value:  # libpq would end the text there
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value.encode()


def _ids(values: Sequence[Any]) -> bytes:
    if not all(type(value) is UUID for value in values):
        raise UnknownKindError
    return f"{{{','.join(map(str, values))}}}".encode()


_WRITERS: Mapping[type, tuple[Callable[[Any], bytes | None], Format]] = {
    type(None): (lambda _: None, Format.TEXT),
    str: (_text, Format.TEXT),
    UUID: (attrgetter("bytes"), Format.BINARY),
    int: (lambda value: b"%d" % value, Format.TEXT),
    bool: (lambda value: b"t" if value else b"f", Format.TEXT),
    float: (lambda value: repr(value).encode(), Format.TEXT),
    Decimal: (lambda value: str(value).encode(), Format.TEXT),
    datetime: (lambda value: value.isoformat().encode(), Format.TEXT),
    bytes: (lambda value: value, Format.BINARY),
    list: (_ids, Format.TEXT),
}
"""By the exact type: a subclass, such as a choice of a model's field, may be written otherwise."""


@dataclass
class _Prepared:
    """A text that one connection has prepared.

    Attributes:
        name: What it was prepared as.
        types: Of the values that it was run with last; most often of the next, too.
        writers: Of values of these types.
        formats: That these writers write.
    """

    name: bytes
    types: list[type] = field(default_factory=list)
    writers: list[Callable[[Any], bytes | None]] = field(default_factory=list)
    formats: list[Format] = field(default_factory=list)

    def written(self, values: Sequence[Any]) -> list[bytes | None]:
        """Return values as they are sent.

        Raises:
            UnknownKindError: At least one is of a kind that is not known here.
            psycopg.DataError: A text cannot be stored.
        """
        types = list(map(type, values))
        if types != self.types:
            try:
                found = [_WRITERS[each] for each in types]
            except KeyError:
                raise UnknownKindError from None
            self.types, self.writers, self.formats = types, [each[0] for each in found], [each[1] for each in found]
        return [write(value) for write, value in zip(self.writers, values, strict=True)]


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is known of one connection.

    Attributes:
        reader: Reads the columns of results.
        prepared: By text.
        numbers: Of names, none of which is used twice.
    """

    reader: Reader
    prepared: dict[str, _Prepared] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)


_known: "WeakKeyDictionary[psycopg.Connection[Any], _Known]" = WeakKeyDictionary()


@dataclass(frozen=True)
class _Context:
    """What psycopg's reader of results asks for.

    It holds on to a connection that it is given, which would then never be let go. It needs none: connections are in
    UTF-8 and in UTC, and that is what it takes for granted otherwise.
    """

    adapters: AdaptersMap
    connection: None = None


def exchange(
    connection: psycopg.Connection[Any], text: str, values: Sequence[Any], *, adapters: Callable[[], AdaptersMap]
) -> list[tuple[Any, ...]]:
    """Run a statement as a transaction by itself, and return its rows.

    Args:
        connection: In autocommit, within no transaction and no pipeline.
        text: As PostgreSQL reads it, with ``$1``; the type of each value follows from the text.
        values: In order.
        adapters: What reads columns; asked once a connection.

    Raises:
        UnknownKindError: psycopg has to run it; nothing was sent.
        psycopg.Error: PostgreSQL refuses it, or is gone.
    """
    known = _known.get(connection)
    if known is None:
        known = _known[connection] = _Known(reader=Transformer(_Context(adapters())))
    result = _sent(connection, known, text, values)
    if result.status == ExecStatus.FATAL_ERROR and _sqlstate(result) in STALE:
        known.prepared.clear()
        result = _sent(connection, known, text, values)
    _require(connection, result)
    if result.status != ExecStatus.TUPLES_OK:
        return []
    known.reader.set_pgresult(result)
    rows: list[tuple[Any, ...]] = known.reader.load_rows(0, result.ntuples, tuple)
    known.reader.set_pgresult(None)
    return rows


def _sent(connection: psycopg.Connection[Any], known: _Known, text: str, values: Sequence[Any]) -> PGresult:
    prepared = known.prepared.get(text) or _Prepared(b"slipway_%d" % next(known.numbers))
    written = prepared.written(values)  # first: what psycopg has to write is not prepared here
    if text not in known.prepared:
        _require(connection, connection.pgconn.prepare(prepared.name, text.encode()))
        known.prepared[text] = prepared
    # The stub does not know that a value may be None, which is how NULL is sent.
    return connection.pgconn.exec_prepared(prepared.name, written, prepared.formats)  # type: ignore[arg-type]


def _require(connection: psycopg.Connection[Any], result: PGresult) -> None:
    if connection.pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(connection.pgconn.get_error_message())
    if result.status not in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
        raise error_from_result(result)


def _sqlstate(result: PGresult) -> str:
    return (result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode()
