"""Hostile values, each as the JSON text that is sent: some are values that no JSON encoder would write."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

_SECRETS: Mapping[str, str] = {
    "api token": "slw_pat_CanaryCanaryCanaryCanaryCanaryCanaryCana1b2c3d",
    "connection string": "postgresql://admin:CanaryOfConnections@db.example.com:5432/orders",
    "cloud key": "AKIACANARYCANARY1234",
    "signed token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJDYW5hcnkifQ.Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5",
    "private key": "-----BEGIN PRIVATE KEY-----\nQ2FuYXJ5T2ZQcml2YXRlS2V5cw==\n-----END PRIVATE KEY-----",
    "assignment": "password=CanaryOfAssignments",
    "authorization": "Bearer CanaryOfBearers-0123456789",
    "sealed": "1:Q2FuYXJ5T2ZTZWFsaW5nS2V5c0NhbmFyeU9mU2VhbGluZw==",
}
CANARIES: tuple[str, ...] = (
    "CanaryCanaryCanaryCanary",
    "CanaryOfConnections",
    "AKIACANARYCANARY1234",
    "Q2FuYXJ5Q2FuYXJ5",
    "Q2FuYXJ5T2ZQcml2YXRlS2V5cw",
    "CanaryOfAssignments",
    "CanaryOfBearers",
    "Q2FuYXJ5T2ZTZWFsaW5nS2V5c0",
)
"""What of the secret-looking values must stand in no log."""

STRINGS: Mapping[str, str] = {
    "empty": "",
    "blank": " ",
    "tab": "\t",
    "newline": "\n",
    "newline last": "orders\n",
    "newline within": "ord\ners",
    "carriage return": "orders\r\n",
    "vertical tab": "orders\x0b",
    "line separator": "orders\u2028",
    "paragraph separator": "orders\u2029",
    "next line": "orders\u0085",
    "no-break space": "\u00a0orders\u00a0",
    "escape sequence": "\x1b[31mred\x1b[0m",
    "bell": "\x07",
    "delete": "\x7f",
    "NUL": "ord\x00ers",
    "NUL alone": "\x00",
    "high surrogate": "ord\ud800ers",
    "low surrogate": "ord\udfffers",
    "surrogates swapped": "\udc00\ud800",
    "not a character": "\uffff",
    "private use": "\ue000",
    "last plane": "\U0010ffff",
    "byte order mark": "\ufefforders",
    "emoji": "orders\U0001f680",
    "family of emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "right to left": "orders\u202egpj.exe",
    "isolate": "\u2066orders\u2069",
    "zero width": "or\u200bders",
    "combining": "o" + "\u0301" * 60,
    "full width": "\uff4frders",
    "Cyrillic look-alike": "\u043erders",
    "dotless": "\u0130\u0131",
    "sharp s": "\u00df" * 40,
    "Arabic digits": "\u0661\u0662\u0663",
    "capitals": "ORDERS",
    "hyphen first": "-orders",
    "hyphen last": "orders-",
    "flag": "-destroy",
    "Terraform flag": "-var=x=1",
    "path up": "../../../../etc/passwd",
    "absolute path": "/etc/passwd",
    "path of Windows": "..\\..\\windows\\system32",
    "file address": "file:///etc/passwd",
    "metadata address": "http://169.254.169.254/latest/meta-data/",
    "encoded path": "..%2f..%2fetc%2fpasswd",
    "encoded NUL": "orders%00",
    "question mark": "orders?confirm=orders",
    "fragment": "orders#x",
    "semicolon": "orders;x=1",
    "interpolation": '${file("/etc/passwd")}',
    "directive": "%{ for x in [1] }x%{ endfor }",
    "template": "{{7*7}}{% debug %}",
    "format": "%(name)s %s %n {0} {name.__class__}",
    "shell": "$(id)`id`|id;id&&id",
    "quote": "x'; DROP TABLE run; --",
    "double quote": '" OR ""="',
    "PostgreSQL dollars": "$$; SELECT pg_sleep(9); $$",
    "pattern of LIKE": "%_\\",
    "operator of JSON": '{"$gt": ""}',
    "look-up of the ORM": "orders__contains",
    "markup": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)',
    "entity": '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
    "formula": "=cmd|' /C calc'!A0",
    "header": "x\r\nSet-Cookie: a=b",
    "log line": 'x\n{"level": "INFO", "event": "forged"}',
    "regular expression": "(a+)+$",
    "bomb for an expression": "a" * 40 + "!",
    "101 characters": "x" * 101,
    "2 001 characters": "x" * 2001,
    "70 000 characters": "x" * 70_000,
    "200 000 bytes of emoji": "\U0001f680" * 50_000,
    "number": "5",
    "negative number": "-1",
    "null": "null",
    "true": "true",
    "not a number": "NaN",
    "infinity": "Infinity",
    "None": "None",
    "undefined": "undefined",
    "object": "[object Object]",
    "prototype": "__proto__",
    "dunder": "__class__",
    "id of nothing": "res_01jd0000000000000000000000",
    "id of another kind": "req_01jd0000000000000000000000",
    "id too large": "res_zzzzzzzzzzzzzzzzzzzzzzzzzz",
    "id without a suffix": "res_",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date in no calendar": "2031-02-30T00:00:00Z",
    "date without a zone": "2031-01-01T00:00:00",
    "date of the year 1": "0001-01-01T00:00:00Z",
    "date of the year 9999": "9999-12-31T23:59:59.999999Z",
    "date at the edge of zones": "0001-01-01T00:00:00+23:59",
    "leap second": "2030-12-31T23:59:60Z",
    "duration": "P1D",
    "star": "*",
    "comma list": "orders,orders",
    **{f"secret: {name}": text for name, text in _SECRETS.items()},
}

NUMBERS: Mapping[str, str] = {
    "zero": "0",
    "negative zero": "-0",
    "negative zero, broken": "-0.0",
    "one": "1",
    "minus one": "-1",
    "fraction": "1.5",
    "whole fraction": "7.0",
    "fraction near a whole": "6.9999999999999999999",
    "denormal": "5e-324",
    "vanishing": "1e-400",
    "above 32 bits": "2147483648",
    "below 32 bits": "-2147483649",
    "above 53 bits": "9007199254740993",
    "above 64 bits": "18446744073709551616",
    "below 64 bits": "-9223372036854775809",
    "30 digits": "9" * 30,
    "31 digits": "9" * 31,
    "5 000 digits": "9" * 5000,
    "1e15": "1e15",
    "1e308": "1e308",
    "1e400": "1e400",
    "-1e400": "-1e400",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "zero first": "007",
    "plus": "+7",
    "hexadecimal": "0x7",
    "digit groups": "1_000",
}

STRUCTURES: Mapping[str, str] = {
    "null": "null",
    "true": "true",
    "false": "false",
    "capital True": "True",
    "undefined": "undefined",
    "nothing": "",
    "empty list": "[]",
    "list of nothing": "[null]",
    "list of one": '["orders"]',
    "list in a list": "[[]]",
    "mixed list": '[1, "a", null, {}, []]',
    "10 000 items": "[" + ",".join(["0"] * 10_000) + "]",
    "empty map": "{}",
    "map of nothing": '{"": null}',
    "map with a key twice": '{"a": 1, "a": 2}',
    "map with a key twice, escaped": '{"a": 1, "\\u0061": 2}',
    "map with a key of NUL": '{"\\u0000": 1}',
    "map with a key of a surrogate": '{"\\ud800": 1}',
    "map with a key of blanks": '{"   ": 1}',
    "map with a long key": json.dumps({"k" * 5000: 1}),
    "map with a path for a key": '{"../../x": 1, "a/b~c": 2}',
    "map with interpolation": '{"${file(1)}": "${file(2)}"}',
    "map with an operator": '{"$ne": null}',
    "map with __proto__": '{"__proto__": {"is_platform_admin": true}}',
    "map with a reference": '{"$ref": "file:///etc/passwd"}',
    "1 000 keys": json.dumps({f"key-{number}": number for number in range(1000)}),
    "31 lists deep": "[" * 31 + "]" * 31,
    "40 lists deep": "[" * 40 + "]" * 40,
    "40 maps deep": '{"a":' * 40 + "1" + "}" * 40,
    "5 000 lists deep": "[" * 5000 + "]" * 5000,
    "a comment": "1 /* more */",
    "a comma too many": "[1,]",
    "single quotes": "'orders'",
    "a value too many": '"orders" "orders"',
    "a map left open": "{",
    "a list left open": "[",
    "a string left open": '"orders',
    "an escape of no kind": '"\\x41"',
    "half an escape": '"\\u12"',
    "a raw newline in a string": '"ord\ners"',
}


@dataclass(frozen=True)
class Hostile:
    """One value.

    Attributes:
        name: What is hostile about it, for the person who reads a report.
        text: What is sent, as JSON or as what pretends to be.
    """

    name: str
    text: str

    @property
    def value(self) -> object:
        """The value as a reader sees it who takes all that Python takes.

        Raises:
            ValueError: Nobody can read it.
        """
        return json.loads(self.text)


VALUES: tuple[Hostile, ...] = (
    *(Hostile(f"string: {name}", json.dumps(text)) for name, text in STRINGS.items()),
    *(Hostile(f"number: {name}", text) for name, text in NUMBERS.items()),
    *(Hostile(f"structure: {name}", text) for name, text in STRUCTURES.items()),
)
"""What each slot is given."""

KEYS: tuple[Hostile, ...] = tuple(Hostile(f"key: {name}", json.dumps(text)) for name, text in STRINGS.items())
"""What each map is given as the name of a further member."""
