"""Attacks: every slot of every write route with every hostile value, every address, every header."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from urllib.parse import quote, unquote

import jsonschema_rs

from platform_api.core.http import correlation
from tests.hostile.contract import Contract
from tests.hostile.document import Json, Operation, Path, Slot, slots
from tests.hostile.rows import Rows, difference
from tests.hostile.stage import DATABASE, Sound, Stage
from tests.hostile.telling import Telling
from tests.hostile.values import KEYS, STRINGS, VALUES, Hostile
from tests.hostile.wire import Heard, Sent, Wire

_MARK = "\u2620 the hostile value stands here \u2620"
"""Put into a sound body where the value goes; replaced in its text, so that what is no JSON can stand there too."""

_UNENCODED = "/?#%"


@dataclass(frozen=True)
class Failure:
    """A call that was not answered as promised.

    Attributes:
        what: What was tried.
        faults: What is wrong.
        answer: Status and beginning of the answer.
        curl: How to see it again.
    """

    what: str
    faults: tuple[str, ...]
    answer: str
    curl: str

    def __str__(self) -> str:
        """Return the failure as a report shows it."""
        return f"FAILED {self.what}: {'; '.join(self.faults)}\n  {self.answer}\n  {self.curl}"


class Attack:
    """One attacker on one stage.

    Attributes:
        contract: What was answered, and how often.
        failures: What was not as promised.
    """

    def __init__(self, stage: Stage, *, rows: Rows, wire: Wire) -> None:
        self.stage, self.contract = stage, Contract()
        self.failures: list[Failure] = []
        self._rows, self._wire, self._telling = rows, wire, Telling(stage.operations.values())
        self._standing = rows.look()

    def strike(self, sent: Sent, what: str, *, may_be_accepted: bool = True) -> Heard:
        """Make a call, and note what is not as promised: a refusal has the promised shape and changes nothing.

        Args:
            sent: The call.
            what: What is tried, for the report.
            may_be_accepted: Whether an acceptance is right.
        """
        try:
            heard = self._wire.send(sent)
        except TimeoutError:
            self._wire.close()
            heard = Heard(status=0)
            self._fail(sent, heard, what, ["no answer in time"])
        faults = self.contract.faults(sent, heard) + self._telling.faults(sent, heard)
        standing = self._rows.look()
        if 200 <= heard.status < 400 and sent.method != "GET":
            if not may_be_accepted:
                faults.append("it was accepted, though the document forbids it")
            self._undo(sent, heard)
            standing = self._rows.look()
        elif changed := difference(self._standing, standing):
            faults.append(f"it changed {', '.join(changed)}")
        self._standing = standing
        if faults:
            self._fail(sent, heard, what, faults)
        return heard

    def bodies(self, *, step: int = 1) -> None:
        """Put every value into every slot of every write route, and every key into every map.

        Args:
            step: Of the values every so many; each slot begins at another one.
        """
        turn = 0
        tried = set[tuple[str, str]]()
        for sound in self.stage.sounds:
            self._begin(sound)
            # The whole body comes last: the plainest of what it may be makes an environment, which is in the way then.
            found = sorted(self._slots(sound), key=lambda slot: not slot.path)
            for slot in found:
                value = _held(sound.body, slot.path)
                if not isinstance(value, Mapping):
                    continue
                for key in KEYS[turn % step :: step]:
                    body = _with(sound.body, (*slot.path, _MARK), '"x"')
                    sent = self._call(sound, body=body.replace(json.dumps(_MARK).encode(), key.text.encode()))
                    is_free = _allows(slot.schema, {**value, str(key.value): "x"})
                    self.strike(sent, f"{_called(sound)} {slot.pointer}: {key.name}", may_be_accepted=is_free)
                turn += 1
            for slot in found:
                if (sound.operation, slot.pointer) in tried and _held(sound.body, slot.path) is None:
                    continue  # in this form it is a member too many, as it was in another one
                tried.add((sound.operation, slot.pointer))
                for value in VALUES[turn % step :: step]:
                    sent = self._call(sound, body=_with(sound.body, slot.path, value.text))
                    what = f"{_called(sound)} {slot.pointer}: {value.name}"
                    self.strike(sent, what, may_be_accepted=_fits(slot, value))
                turn += 1

    def addresses(self, *, step: int = 1) -> None:
        """Put every hostile string into every path and query parameter of every operation, write or read."""
        turn = 0
        for operation in self.stage.operations.values():
            for each in operation.parameters:
                if each.place not in {"path", "query"}:
                    continue
                for hostile, text in list(_addressable())[turn % step :: step]:
                    sent = self._addressed(operation, {each.name: text})
                    what = f"{operation.id} {each.place} {each.name}: {hostile}"
                    self.strike(sent, what, may_be_accepted=_names(each.schema, text))
                turn += 1

    def headers(self, *, step: int = 1) -> None:
        """Put every hostile text into every header that anything here reads; the write routes take turns."""
        routes = cycle(self.stage.sounds)
        for turn, name in enumerate(HEADERS):
            for hostile, text in list(_sendable())[turn % step :: step]:
                if name == correlation.HEADER and correlation.ACCEPTED.match(text):
                    continue  # whatever a caller chooses as its id stands in the log on purpose
                sound = next(routes)
                self.strike(self._call(sound, headers={name: text}), f"{_called(sound)} header {name}: {hostile}")

    def _call(self, sound: Sound, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Sent:
        """Return a sound call, with another body or further headers."""
        plain = b"" if sound.body is None else json.dumps(sound.body).encode()
        sent = plain if body is None else body
        return self.stage.call(sound, body=sent, headers={**self._versions(sound), **(headers or {})})

    def _begin(self, sound: Sound) -> None:
        """See that a sound call is what it is held for: an attack on what was unsound already proves nothing."""
        sent = self._call(sound)
        heard = self.strike(sent, _called(sound))
        code = "accepted" if heard.status < 400 else json.loads(heard.body)["code"]
        if sound.ends[0] and (heard.status, code) != sound.ends:
            self._fail(sent, heard, _called(sound), [f"the sound call should have ended with {sound.ends}"])

    def _slots(self, sound: Sound) -> Iterator[Slot]:
        schema = self.stage.operations[sound.operation].schema
        if schema is None or sound.body is None:
            return
        offered = self.stage.parameters[sound.body.get("offering", DATABASE)]
        for slot in slots(schema, sound.body):
            match slot.path:
                case ("parameters",):  # free to the document, but not to the offering
                    yield Slot(slot.path, offered)
                case ("parameters", name):
                    yield Slot(slot.path, offered["properties"].get(name, {}))
                case _:
                    yield slot

    def _versions(self, sound: Sound) -> dict[str, str]:
        """Return the version that a change asks for, where it does."""
        operation = self.stage.operations[sound.operation]
        if "If-Match" not in operation.names("header"):
            return {}
        call = self.stage.call(sound, body=b"")
        read = Sent(method="GET", target=call.target.partition("?")[0], headers=self.stage.headers(sound.project))
        tag = self._wire.send(read).headers.get("etag")
        return {} if tag is None else {"If-Match": tag}

    def _addressed(self, operation: Operation, given: Mapping[str, str]) -> Sent:
        path = re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], self.stage.names[found[1]]), operation.path)
        query = "&".join(f"{name}={given[name]}" for name in operation.names("query") if name in given)
        body = b"{}" if operation.schema is not None else b""
        content = {"Content-Type": "application/json"} if body else {}
        return Sent(
            method=operation.method,
            target=f"{path}?{query}" if query else path,
            headers={**self.stage.headers(), **content},
            body=body,
        )

    def _undo(self, sent: Sent, heard: Heard) -> None:
        """Take an accepted order back, while no worker has seen it."""
        if b'"pending"' not in heard.body:
            return
        run = json.loads(heard.body).get("run") or {}
        if run.get("status") == "pending":
            authorization = {"Authorization": sent.headers["Authorization"], "Content-Type": "application/json"}
            cancel = Sent(method="POST", target=f"{run['url']}/cancel", headers=authorization, body=b"{}")
            answer = self._wire.send(cancel)
            if answer.status != 202:
                self._fail(sent, answer, "taking an accepted order back", ["it cannot be canceled"])

    def _fail(self, sent: Sent, heard: Heard, what: str, faults: Iterable[str]) -> None:
        answer = f"{heard.status} {heard.body[:300]!r}"
        self.failures.append(Failure(what, tuple(faults), answer, sent.curl))


HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Cookie",
    "Correlation-Id",
    "Expect",
    "Forwarded",
    "Host",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "Origin",
    "Prefer",
    "Range",
    "Referer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
    "traceparent",
    "tracestate",
)
"""Those that the API, its frame or its server might read."""


def _called(sound: Sound) -> str:
    return f"{sound.operation} ({sound.form})" if sound.form else sound.operation


def _with(body: object, path: Path, text: str) -> bytes:
    """Return a body in which a slot holds a text, whether or not that is JSON."""
    if not path:
        return text.encode("utf-8", "surrogateescape")
    changed: Any = deepcopy(body)
    place = changed
    for step in path[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    mark = _MARK[::-1]
    place[path[-1]] = mark
    return json.dumps(changed).replace(json.dumps(mark), text).encode("utf-8", "surrogateescape")


def _held(body: object, path: Path) -> object:
    """Return what a body has in a slot; None where it has nothing."""
    for step in path:
        if isinstance(body, Mapping):
            body = body.get(step)
        elif isinstance(body, list) and isinstance(step, int):
            body = body[step]
        else:
            return None
    return body


def _fits(slot: Slot, value: Hostile) -> bool:
    """Tell whether the document allows a value in a slot."""
    is_absent = not slot.path and value.text in {"", "null"}  # the whole body; it counts as an empty one
    try:
        return _allows(slot.schema, {} if is_absent else value.value)
    except (ValueError, RecursionError):
        return False


def _allows(schema: Json, value: object) -> bool:
    """Tell whether a schema allows a value."""
    try:
        return bool(
            jsonschema_rs.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, value)
        )
    except (ValueError, TypeError, UnicodeEncodeError):  # nothing that JSON could say
        return False


def _names(schema: Json, encoded: str) -> bool:
    """Tell whether a schema allows what stands in an address, which is always a text there."""
    try:
        text = unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        return False
    is_number = schema.get("type") == "integer" and text.isascii() and text.isdigit()
    return _allows(schema, int(text) if is_number else text)


def _addressable() -> Iterator[tuple[str, str]]:
    """Return hostile strings as they stand in an address: encoded, where that can be done, and some that are not."""
    for name, text in STRINGS.items():
        if len(text) <= 3000:
            yield name, quote(text.encode("utf-8", "surrogatepass"), safe="")
    yield from {
        "bytes that are no UTF-8": "%ff%fe",
        "half an escape": "%e2%82",
        "an escape of no kind": "%zz",
        "an encoded slash": "a%2fb",
        "an overlong slash": "%c0%af",
        "dots": "..",
        "encoded dots": "%2e%2e",
        "twice encoded": "%252e%252e",
        "a slash": "a/b",
        "6 000 characters": "x" * 6000,
    }.items()


def _sendable() -> Iterator[tuple[str, str]]:
    """Return hostile strings that can stand in a header without ending it."""
    for name, text in STRINGS.items():
        if len(text) <= 3000 and not set(text) & {"\r", "\n", "\x00"} and _is_encodable(text):
            yield name, text
    yield from {
        "quoted": '"orders"',
        "weak": 'W/"1"',
        "list of tags": '"1", "2", *',
        "tags left open": '"1',
        "quality": "application/xml;q=1, */*;q=0",
        "8 000 characters": "x" * 8000,
        "bytes that are no UTF-8": "\udcff\udcfe",
        "basic": "Basic YWRtaW46YWRtaW4=",
        "bearer of nothing": "Bearer",
        "two bearers": "Bearer a, Bearer b",
        "chunked": "chunked",
        "gzip": "gzip",
        "JSON in another charset": "application/json; charset=utf-16",
        "form": "application/x-www-form-urlencoded",
        "multipart": "multipart/form-data; boundary=x",
        "DELETE": "DELETE",
        "respond-async": "respond-async, wait=100000",
        "a trace of zeros": "00-00000000000000000000000000000000-0000000000000000-00",
        "an address": "127.0.0.1, ::1, 169.254.169.254",
        "another host": "evil.example.com",
    }.items()


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
