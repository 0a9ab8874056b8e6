"""Whether anything in the database was changed, told by each table's count and its newest transaction."""

from collections.abc import Mapping

from tests.e2e.live import Connection

UNTOLD: Mapping[str, str] = {"audit_event": "each refusal is recorded in it"}
"""Tables that a refused call may write, and why."""

USED: Mapping[str, str] = {"api_token": "last_used_at"}
"""Tables with a column that any call may write: of these the other columns are compared."""

Standing = Mapping[str, tuple[int, str]]

_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
"""


class Rows:
    """The rows of Slipway's database, as the owner of its tables sees them."""

    def __init__(self, control: Connection) -> None:
        self._control = control
        names = sorted(name for (name,) in control.execute(_TABLES) if name not in UNTOLD)
        self._query = " UNION ALL ".join(_digest(name) for name in names).encode()

    def look(self) -> Standing:
        """Return how the tables stand now."""
        return {name: (count, digest) for name, count, digest in self._control.execute(self._query, prepare=True)}


def _digest(table: str) -> str:
    newest = "coalesce(max(xmin::text::bigint), 0)::text"
    if table in USED:
        newest = f"coalesce(md5(string_agg((to_jsonb(t) - '{USED[table]}')::text, '' ORDER BY id)), '')"
    return f"SELECT '{table}', count(*), {newest} FROM \"{table}\" t"


def difference(before: Standing, after: Standing) -> list[str]:
    """Return the tables that do not stand as before."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
