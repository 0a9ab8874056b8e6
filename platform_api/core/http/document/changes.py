"""What differs between two OpenAPI documents, and whether a client of the old one can go on.

A client breaks where something that it does is no longer taken, or something that it relies on is no longer there: it
is asked for more, may send less, or is answered with less, headers included, or with what it does not know. Words,
examples, and operations and headers that are new break nothing.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

Described = Mapping[str, Any]

METHODS = frozenset({"get", "put", "post", "patch", "delete"})
LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
FORM = ("pattern", "format", "const", "multipleOf", "uniqueItems")


class Way(StrEnum):
    """Which way values of a schema go."""

    SENT = "sent"
    ANSWERED = "answered"


@dataclass(frozen=True, order=True)
class Change:
    """One difference.

    Attributes:
        where: Operation, or a schema that several share, and the place in it.
        what: The difference, in words.
        is_breaking: Whether a client of the old document may fail.
    """

    where: str
    what: str
    is_breaking: bool = False


def changes_between(old: Described, new: Described) -> list[Change]:
    """Return every difference that counts, those that break clients first."""
    found = set(_Comparison(old, new).operations())
    return sorted(found, key=lambda change: (not change.is_breaking, change))


class _Comparison:
    """Two documents, side by side."""

    def __init__(self, old: Described, new: Described) -> None:
        self.old, self.new = old, new

    def operations(self) -> Iterator[Change]:
        before, after = _operations(self.old), _operations(self.new)
        for name in before.keys() - after.keys():
            yield Change(name, "is gone", is_breaking=True)
        for name in after.keys() - before.keys():
            yield Change(name, "is new")
        for name in before.keys() & after.keys():
            yield from self._operation(name, before[name], after[name])

    def _operation(self, name: str, old: Described, new: Described) -> Iterator[Change]:
        if old["operationId"] != new["operationId"]:
            what = f"is called {new['operationId']}, no longer {old['operationId']}"
            yield Change(name, what, is_breaking=True)
        if not old.get("deprecated") and new.get("deprecated"):
            yield Change(name, "is deprecated")
        yield from self._security(name, old, new)
        yield from self._parameters(name, old, new)
        yield from self._body(name, old.get("requestBody"), new.get("requestBody"))
        yield from self._answers(name, old["responses"], new["responses"])

    def _security(self, name: str, old: Described, new: Described) -> Iterator[Change]:
        before, after = (
            {scope for way in each.get("security", ()) for scopes in way.values() for scope in scopes}
            for each in (old, new)
        )
        for scope in after - before:
            yield Change(name, f"needs the scope {scope}", is_breaking=True)
        for scope in before - after:
            yield Change(name, f"needs the scope {scope} no more")

    def _parameters(self, name: str, old: Described, new: Described) -> Iterator[Change]:
        before = {(each["in"], each["name"]): each for each in self._each(self.old, old.get("parameters", ()))}
        after = {(each["in"], each["name"]): each for each in self._each(self.new, new.get("parameters", ()))}
        for key in before.keys() - after.keys():
            yield Change(f"{name} {' '.join(key)}", "is gone", is_breaking=True)
        for key in after.keys() - before.keys():
            needed = bool(after[key].get("required"))
            yield Change(f"{name} {' '.join(key)}", f"is new{', and needed' if needed else ''}", is_breaking=needed)
        for key in before.keys() & after.keys():
            where = f"{name} {' '.join(key)}"
            if after[key].get("required") and not before[key].get("required"):
                yield Change(where, "is needed now", is_breaking=True)
            yield from self._schema(where, before[key].get("schema", {}), after[key].get("schema", {}), Way.SENT)

    def _body(self, name: str, old: Described | None, new: Described | None) -> Iterator[Change]:
        where = f"{name} body"
        if old is None or new is None:
            if new is not None:
                yield Change(where, "is new", is_breaking=bool(new.get("required")))
            elif old is not None:
                yield Change(where, "is not taken any more", is_breaking=True)
            return
        if new.get("required") and not old.get("required"):
            yield Change(where, "is needed now", is_breaking=True)
        yield from self._contents(where, old, new, Way.SENT)

    def _answers(self, name: str, old: Described, new: Described) -> Iterator[Change]:
        for status in old.keys() - new.keys():
            yield Change(f"{name} {status}", "is no longer answered", is_breaking=status < "4")
        for status in new.keys() - old.keys():
            yield Change(f"{name} {status}", "is a new answer", is_breaking=status < "3")
        for status in old.keys() & new.keys():
            before, after = self._resolved(self.old, old[status]), self._resolved(self.new, new[status])
            yield from self._contents(f"{name} {status}", before, after, Way.ANSWERED)
            yield from _codes(f"{name} {status}", before, after)
            yield from self._headers(f"{name} {status}", before.get("headers", {}), after.get("headers", {}))

    def _headers(self, where: str, old: Described, new: Described) -> Iterator[Change]:
        for name in old.keys() - new.keys():
            yield Change(where, f"has no {name} any more", is_breaking=True)
        for name in new.keys() - old.keys():
            yield Change(where, f"has {name}, too")
        for name in old.keys() & new.keys():  # told once, however many answers have it
            before, after = self._resolved(self.old, old[name]), self._resolved(self.new, new[name])
            yield from self._schema(
                f"{name}, answered:", before.get("schema", {}), after.get("schema", {}), Way.ANSWERED
            )

    def _contents(self, where: str, old: Described, new: Described, way: Way) -> Iterator[Change]:
        before, after = old.get("content", {}), new.get("content", {})
        for kind in before.keys() - after.keys():
            yield Change(where, f"is {kind} no more", is_breaking=True)
        for kind in after.keys() - before.keys():
            yield Change(where, f"can be {kind}")
        for kind in before.keys() & after.keys():
            yield from self._schema(where, before[kind].get("schema", {}), after[kind].get("schema", {}), way)

    def _schema(
        self, where: str, old: Described, new: Described, way: Way, seen: frozenset[str] = frozenset()
    ) -> Iterator[Change]:
        yield from _words(where, self._kinds(self.old, old), self._kinds(self.new, new), way, noun="type")
        before, after = self._alternatives(self.old, old), self._alternatives(self.new, new)
        if len(before) == len(after) == 1:  # no choice, whatever they are called
            after = dict(zip(before, after.values(), strict=True))
        yield from _words(where, before.keys(), after.keys(), way, noun="alternative")
        for name in before.keys() & after.keys():
            yield from self._plain(where, before[name], after[name], way, seen)

    def _plain(self, where: str, old: Described, new: Described, way: Way, seen: frozenset[str]) -> Iterator[Change]:
        """Compare schemas that are no choice between others."""
        name = str(old.get("$ref", ""))
        if name and name in seen:
            return
        if name:  # told once, however many operations use it
            seen, where = seen | {name}, f"{name.rpartition('/')[2]}, {way}:"
        old, new = self._resolved(self.old, old), self._resolved(self.new, new)
        yield from _words(where, set(old.get("enum", ())), set(new.get("enum", ())), way, noun="value")
        yield from _bounds(where, old, new, way)
        yield from _members(where, old, new, way)
        for member in old.get("properties", {}).keys() & new.get("properties", {}).keys():
            yield from self._schema(
                f"{where} /{member}", old["properties"][member], new["properties"][member], way, seen
            )
        for before, after in _unnamed(old, new):
            yield from self._schema(f"{where} /*", before, after, way, seen)
        if old.get("allOf", ()) != new.get("allOf", ()):  # such as what a plan narrows
            yield Change(where, "has other conditions", is_breaking=True)

    def _kinds(self, document: Described, part: Described) -> set[str]:
        """Return the types that a schema allows; none, where it allows any."""
        schema = self._resolved(document, part)
        told = schema.get("type", [])
        kinds = {told} if isinstance(told, str) else set(told)
        for choice in map(partial(self._kinds, document), _choices(schema)):
            if not choice:
                return set()
            kinds |= choice
        return kinds | {"integer"} if "number" in kinds else kinds

    def _alternatives(self, document: Described, part: Described) -> dict[str, Described]:
        """Return what a schema chooses between, null apart, by what each is called; itself, where it is no choice."""
        choices = _choices(self._resolved(document, part))
        parts = [each for choice in choices for each in self._alternatives(document, choice).values()]
        found: dict[str, Described] = {}
        for each in parts if choices else [part]:
            name = each["$ref"].rpartition("/")[2] if "$ref" in each else str(each.get("type", "anything"))
            found[name if name not in found else f"{name} ({len(found) + 1})"] = each
        found.pop("null", None)
        return found

    @staticmethod
    def _resolved(document: Described, part: Described) -> Described:
        while "$ref" in part:
            kind, name = part["$ref"].removeprefix("#/components/").split("/")
            part = document["components"][kind][name]
        return part

    def _each(self, document: Described, parts: Any) -> Iterator[Described]:
        return (self._resolved(document, part) for part in parts)


def _operations(document: Described) -> dict[str, Described]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def _choices(schema: Described) -> list[Described]:
    return [each for word in ("anyOf", "oneOf") for each in schema.get(word, ())]


def _unnamed(old: Described, new: Described) -> Iterator[tuple[Described, Described]]:
    """Yield what both say of a list's items, and of members that have no name in the document."""
    if "items" in old and "items" in new:
        yield old["items"], new["items"]
    before, after = (
        {} if each.get("additionalProperties", True) is True else each["additionalProperties"] for each in (old, new)
    )
    if before is not False and after is not False and (before or after):
        yield before, after


def _words(where: str, old: Set[Any], new: Set[Any], way: Way, *, noun: str) -> Iterator[Change]:
    """Compare what may stand there; what an empty set leaves open is anything."""
    if not old and new:
        yield Change(where, f"has a fixed {noun} now: {_listed(new)}", is_breaking=way is Way.SENT)
        return
    if old and not new:
        yield Change(where, f"has no fixed {noun} any more", is_breaking=way is Way.ANSWERED)
        return
    if gone := old - new:
        yield Change(where, f"loses {noun} {_listed(gone)}", is_breaking=way is Way.SENT)
    if more := new - old:
        yield Change(where, f"gains {noun} {_listed(more)}", is_breaking=way is Way.ANSWERED)


def _bounds(where: str, old: Described, new: Described, way: Way) -> Iterator[Change]:
    for word in (*LOWER, *UPPER):
        before, after = old.get(word), new.get(word)
        if before == after:
            continue
        rises = after is not None and (before is None or (after > before if word in LOWER else after < before))
        what = f"{word} is {'gone' if after is None else after}, was {'none' if before is None else before}"
        yield Change(where, what, is_breaking=rises is (way is Way.SENT))
    for word in FORM:
        before, after = old.get(word), new.get(word)
        if before != after:
            is_narrower = after is not None
            what = f"{word} is {after!r}, was {before!r}"
            yield Change(where, what, is_breaking=is_narrower if way is Way.SENT else before is not None)


def _members(where: str, old: Described, new: Described, way: Way) -> Iterator[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    must, must_now = set(old.get("required", ())), set(new.get("required", ()))
    is_sent = way is Way.SENT
    for name in before.keys() - after.keys():
        yield Change(f"{where} /{name}", "is gone", is_breaking=True)
    for name in after.keys() - before.keys():
        needed = is_sent and name in must_now
        yield Change(f"{where} /{name}", f"is new{', and needed' if needed else ''}", is_breaking=needed)
    for name in (must_now - must) & before.keys():
        yield Change(f"{where} /{name}", "is needed now" if is_sent else "is always there now", is_breaking=is_sent)
    for name in (must - must_now) & after.keys():
        what = "is not needed any more" if is_sent else "may be missing now"
        yield Change(f"{where} /{name}", what, is_breaking=not is_sent)
    if old.get("additionalProperties", True) is not False and new.get("additionalProperties") is False:
        yield Change(where, "takes no other members any more", is_breaking=is_sent)


def _codes(where: str, old: Described, new: Described) -> Iterator[Change]:
    """Compare what refusals can say; a client that does not know a code still has the status and the words."""
    content = "application/problem+json"
    before, after = (set(each.get("content", {}).get(content, {}).get("examples", ())) for each in (old, new))
    if gone := before - after:
        yield Change(where, f"says {_listed(gone)} no more")
    if more := after - before:
        yield Change(where, f"can say {_listed(more)}")


def _listed(words: Set[Any]) -> str:
    return ", ".join(sorted(map(str, words)))
