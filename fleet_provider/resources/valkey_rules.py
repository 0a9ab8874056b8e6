"""What a customer's user on a shared Valkey may be allowed: its own keys, and commands that reach no further."""

import re

from tf.types import Unknown

from fleet_provider.faults import Fault
from fleet_provider.resources.register import KEY_REST

CATEGORIES = frozenset(
    {"bitmap", "blocking", "geo", "hash", "hyperloglog", "list", "set", "sortedset", "stream", "string", "transaction"}
)
"""Categories that speak of one's own keys only.

``keyspace``, ``read`` and ``write`` do not: SCAN shows the names of everybody's keys. ``scripting`` does not: a script
stops the whole server while it runs. ``pubsub`` does not: PUBSUB CHANNELS shows everybody's channels.
"""

FORBIDDEN = frozenset(
    {"acl", "client", "cluster", "command", "config", "copy", "dbsize", "eval", "eval_ro", "evalsha", "evalsha_ro"}
    | {"fcall", "fcall_ro", "function", "memory", "move", "object", "pubsub", "randomkey", "scan", "script", "select"}
)
"""Single commands that reach beyond one's own keys."""

HARMLESS = frozenset(
    {"client|getname", "client|id", "client|setinfo", "client|setname", "memory|usage", "object|encoding"}
    | {"object|freq", "object|idletime", "select|0"}
)
"""Parts of them that do not."""

_RULE = re.compile(r"(?P<sign>[+-])(?P<category>@)?(?P<command>[a-z0-9_]+)(?:\|(?P<sub>[a-z0-9-]+))?")
_FIRST, _LAST = ("-@all",), ("-@admin", "-@dangerous")


def rules_make(commands: tuple[str, ...]) -> tuple[str, ...]:
    """Frame the configured rules: nothing before them, and neither ``@admin`` nor ``@dangerous`` after them."""
    return (*_FIRST, *commands, *_LAST)


def rules_read(said: str) -> tuple[str, ...]:
    """Return the rules of a user without their frame; all of them, where somebody has changed the frame."""
    rules = tuple(said.split())
    inner = rules[len(_FIRST) : len(rules) - len(_LAST)]
    return inner if rules_make(inner) == rules else rules


def pattern_faults(attribute: str, patterns: list[object], *, name: object) -> list[Fault]:
    """Judge the patterns of keys or channels of a user: each begins with the user's own name.

    Args:
        attribute: Whose values they are.
        patterns: What is configured, as far as it is known.
        name: The user's name; without one nothing can be said yet.
    """
    if any(pattern is Unknown for pattern in patterns) or not isinstance(name, str):
        return []
    start = f"{name}:"
    wrong = [pattern for pattern in patterns if not (isinstance(pattern, str) and _is_own(pattern, start))]
    if not wrong:
        return []
    return [
        Fault(
            f"{attribute} are not the user's own",
            detail=f"Found {', '.join(map(repr, wrong))}.",
            remedy=f"Allowed: {start} and up to 128 letters, digits and _ . -; the last character may be *.",
            attribute=attribute,
        )
    ]


def command_faults(rules: list[object]) -> list[Fault]:
    """Judge the configured rules, each by itself."""
    known = [rule for rule in rules if rule is not Unknown]
    wrong = [rule for rule in known if not (isinstance(rule, str) and _is_harmless(rule))]
    if rules and not wrong:
        return []
    return [
        Fault(
            "commands are not those of a customer",
            detail=f"Found {', '.join(map(repr, wrong)) or 'none'}.",
            remedy="Allowed: + or - and a command in small letters, or one of "
            f"{', '.join(f'@{category}' for category in sorted(CATEGORIES))}; not "
            f"{', '.join(sorted(FORBIDDEN))}, but {', '.join(sorted(HARMLESS))}.",
            attribute="commands",
        )
    ]


def _is_own(pattern: str, start: str) -> bool:
    rest = pattern.removeprefix(start)
    return pattern.startswith(start) and (rest == "*" or KEY_REST.fullmatch(rest.removesuffix("*")) is not None)


def _is_harmless(rule: str) -> bool:
    match = _RULE.fullmatch(rule)
    if match is None:
        return False
    if match["category"]:
        return match["command"] in CATEGORIES and match["sub"] is None
    return match["sign"] == "-" or match["command"] not in FORBIDDEN or rule[1:] in HARMLESS
