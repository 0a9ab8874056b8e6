import pytest

from fleet_provider.resources.valkey_rules import command_faults, pattern_faults, rules_make, rules_read


@pytest.mark.parametrize("pattern", ["orders:*", "orders:stream", "orders:cache.v1-a_b*", "orders:" + "a" * 128])
def test_a_pattern_below_ones_own_name_is_taken(pattern: str) -> None:
    assert pattern_faults("key_patterns", [pattern], name="orders") == []


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "orders*",
        "orders",
        "orders:",
        "Orders:*",
        "orders2:*",
        "other:*",
        "orders:**",
        "orders:*a",
        "orders:?",
        "orders:[a]",
        "orders:a b",
        "orders:a\n",
        "%R~orders:a",
        "orders:\\*",
        "orders:" + "a" * 129,
        7,
    ],
)
def test_any_other_pattern_is_refused(pattern: object) -> None:
    (fault,) = pattern_faults("key_patterns", [pattern], name="orders")
    assert fault.attribute == "key_patterns"


@pytest.mark.parametrize("rule", ["+@stream", "-@list", "+ping", "+xgroup|create", "+select|0", "-eval", "-scan"])
def test_a_rule_that_reaches_ones_own_keys_only_is_taken(rule: str) -> None:
    assert command_faults([rule]) == []


@pytest.mark.parametrize(
    "rule",
    [
        *("+@all", "+@admin", "+@dangerous", "+@read", "+@write", "+@keyspace", "+@scripting", "+@pubsub", "+@fast"),
        *("+scan", "+eval", "+evalsha", "+fcall", "+function|load", "+script|flush", "+select", "+select|1", "+copy"),
        *("+client", "+client|list", "+memory|doctor", "+config|get", "+acl|whoami"),
        *("allcommands", "nopass", ">password", "~*", "&*", "on", "(+get ~*)", "+ping ~*", "+PING", "+@stream|a", ""),
        7,
    ],
)
def test_any_other_rule_is_refused(rule: object) -> None:
    (fault,) = command_faults(["+ping", rule])
    assert fault.attribute == "commands"


def test_rules_are_read_back_without_their_frame() -> None:
    rules = ("+@stream", "+ping")
    assert rules_read(" ".join(rules_make(rules))) == rules
    assert rules_read(" ".join(rules_make(()))) == ()


@pytest.mark.parametrize("said", ["+@all", "-@all", "-@all +ping", "-@all +ping -@admin -@dangerous +flushall", ""])
def test_a_changed_frame_shows_itself(said: str) -> None:
    assert rules_read(said) == tuple(said.split())
