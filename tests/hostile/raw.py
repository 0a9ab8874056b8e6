"""Bodies that are no JSON, or are framed as no client would: sent to every route that takes one."""

import codecs
import gzip
import json
from collections.abc import Iterator

from tests.hostile.attack import Attack
from tests.hostile.stage import Sound, Stage
from tests.hostile.wire import Sent

_MULTIPART = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nnull\r\n--x--\r\n'
_JSON = "application/json"


def attack(attacker: Attack, *, is_short: bool) -> None:
    """Send every raw body to every write route; none of them may be accepted where a body is read.

    Args:
        attacker: Who sends them.
        is_short: Send each of them once; the routes take turns.
    """
    sounds = attacker.stage.sounds
    for turn, sound in enumerate(sounds):
        calls = list(raws(attacker.stage, sound))
        for name, sent in calls[turn % len(sounds) :: len(sounds)] if is_short else calls:
            what = f"{sound.operation} {sound.form} raw: {name}"
            attacker.strike(sent, what, may_be_accepted=sound.body is None)


def raws(stage: Stage, sound: Sound) -> Iterator[tuple[str, Sent]]:
    """Return every raw body as a call of a route, named after what is wrong with it."""
    text = json.dumps(sound.body if sound.body is not None else {})
    for name, (content, body) in _bodies(text).items():
        yield name, stage.call(sound, body=body, headers={"Content-Type": content})
    yield from _framings(stage.call(sound, body=b""), text.encode())


def _bodies(text: str) -> dict[str, tuple[str, bytes]]:
    sound = text.encode()
    member = sound[:-1] + (b", " if sound != b"{}" else b"")
    return {
        "bytes that are no UTF-8": (_JSON, b'{"reason": "\xff\xfe"}'),
        "a surrogate in UTF-8": (_JSON, b'{"reason": "\xed\xa0\x80"}'),
        "an overlong NUL": (_JSON, b'{"reason": "\xc0\x80"}'),
        "NaN": (_JSON, b'{"parameters": {"connection_limit": NaN}}'),
        "Infinity": (_JSON, b'{"parameters": {"connection_limit": Infinity}}'),
        "1e400": (_JSON, b'{"parameters": {"connection_limit": 1e400}}'),
        "100 000 lists": (_JSON, b"[" * 100_000 + b"]" * 100_000),
        "100 000 lists, all left open": (_JSON, b"[" * 100_000),
        "30 000 maps": (_JSON, b'{"a":' * 30_000 + b"1" + b"}" * 30_000),
        "100 000 lists behind a string of brackets": (_JSON, b'{"a": "]]]]\\"", "b": ' + b"[" * 100_000),
        "a key twice": (_JSON, member + b'"reason": "a", "reason": "b"}'),
        "a key twice, escaped": (_JSON, member + b'"reason": "a", "\\u0072eason": "b"}'),
        "a form": ("application/x-www-form-urlencoded", b"operation=provision&name=orders"),
        "a multipart form": ("multipart/form-data; boundary=x", _MULTIPART),
        "a form that says it is JSON": (_JSON, b"operation=provision&name=orders"),
        "JSON that says it is text": ("text/plain", sound),
        "JSON without a type": ("", sound),
        "JSON of a wrong type": ("application/json-patch+json", sound),
        "JSON of no type at all": ("application/json; charset", b"{"),
        "XML": ("application/xml", b'<?xml version="1.0"?><x/>'),
        "3 MB": (_JSON, member + b'"reason": "' + b"x" * (3 * 1024 * 1024) + b'"}'),
        "3 MB of blanks": (_JSON, b" " * (3 * 1024 * 1024) + sound),
        "a byte more than is allowed": (_JSON, b" " * (256 * 1024 + 1 - len(sound)) + sound),
        "a byte order mark": (_JSON, codecs.BOM_UTF8 + sound),
        "UTF-16": (_JSON, text.encode("utf-16")),
        "UTF-16 without a mark": (_JSON, text.encode("utf-16-le")),
        "UTF-32": (_JSON, text.encode("utf-32")),
        "gzip unannounced": (_JSON, gzip.compress(sound, mtime=0)),
        "cut short": (_JSON, sound[:-1] or b"{"),
        "trailing garbage": (_JSON, sound + b"x"),
        "a second document": (_JSON, sound + sound),
        "NUL behind": (_JSON, sound + b"\x00"),
        "only blanks": (_JSON, b"  \n "),
        "only a NUL": (_JSON, b"\x00"),
        "a bare word": (_JSON, b"orders"),
        "a bare number": (_JSON, b"7"),
        "a bare list": (_JSON, b"[]"),
    }


def _framings(call: Sent, body: bytes) -> Iterator[tuple[str, Sent]]:
    """Return calls whose framing is wrong, or right and rare."""
    headers = {**call.headers, "Content-Type": _JSON}

    def framed(content: bytes, *, ends_early: bool = False, **more: str) -> Sent:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return Sent(
            method=call.method,
            target=call.target,
            headers={**headers, **named},
            body=content,
            is_framed=True,
            ends_early=ends_early,
        )

    yield (
        "gzip",
        Sent(
            method=call.method,
            target=call.target,
            headers={**headers, "Content-Encoding": "gzip"},
            body=gzip.compress(b" " * 1_000_000 + b"[", mtime=0),
        ),
    )
    yield "a length that lies above", framed(b"[", ends_early=True, Content_Length="5000")
    yield "a length of minus one", framed(b"[", Content_Length="-1")
    yield "a length of letters", framed(b"[", Content_Length="ten")
    yield "a length beyond counting", framed(b"[", ends_early=True, Content_Length="9" * 30)
    yield "a length and chunks", framed(b"1\r\n[\r\n0\r\n\r\n", Content_Length="1", Transfer_Encoding="chunked")
    yield "chunks of what is no JSON", framed(b"1\r\n[\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    yield "a chunk of no length", framed(b"zz\r\n[\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    yield "chunks cut short", framed(b"5\r\n[", ends_early=True, Transfer_Encoding="chunked")
    endless = b"400\r\n" + b" " * 1024 + b"\r\n"
    yield "chunks without end", framed(endless * 2048, ends_early=True, Transfer_Encoding="chunked")
    yield "an unknown coding", framed(body, ends_early=True, Transfer_Encoding="zip")
