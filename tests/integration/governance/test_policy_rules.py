import re

import pytest

from governance.engine.policy_set import TEST_SUFFIX, policy_set_load
from tests.integration.governance.rego_tests import POLICIES, beside, failing, names_of_tests, sources

SOURCES = sources()
TESTS = [test for name, source in SOURCES.items() if name.endswith(TEST_SUFFIX) for test in names_of_tests(source)]
RULES = [name for name in SOURCES if not name.endswith(TEST_SUFFIX)]
CONDITION = re.compile(r"\t(?!finding :=|cost :=|some |\t|\})\S")


def mutants(name: str) -> list[str]:
    """Return a rule file with one condition left out, or one figure one greater, each time."""
    lines = SOURCES[name].splitlines()
    changed = []
    for number, line in enumerate(lines):
        if CONDITION.match(line):
            changed.append((number, "\ttrue"))
        if line.startswith(tuple("abcdefghijklmnopqrstuvwxyz")) and ":=" in line:
            changed += [
                (number, f"{line[: figure.start()]}{int(figure[0]) + 1}{line[figure.end() :]}")
                for figure in re.finditer(r"\d+", line)
            ]
    return ["\n".join([*lines[:number], line, *lines[number + 1 :]]) for number, line in changed]


@pytest.mark.parametrize("test", TESTS)
def test_each_test_of_the_rules_holds(test: str) -> None:
    assert failing(SOURCES, [test]) == set()


@pytest.mark.parametrize("name", RULES)
def test_a_rule_with_a_condition_less_or_another_figure_fails_a_test(name: str) -> None:
    tests = beside(SOURCES, name)
    survivors = [mutant for mutant in mutants(name) if not failing({**SOURCES, name: mutant}, tests)]
    assert survivors == []


def test_enough_mutants_are_made_to_mean_something() -> None:
    assert sum(len(mutants(name)) for name in RULES) > 25


def test_every_rule_is_tested_with_a_deprovision() -> None:
    names = {name.partition("/")[2].removesuffix(TEST_SUFFIX) for name in SOURCES if name.endswith(TEST_SUFFIX)}
    silent = {name for name in names if '"deprovision"' not in SOURCES[f"request/{name}{TEST_SUFFIX}"]}
    assert silent == set()


def test_the_shipped_set_loads_and_every_rule_file_is_asked_by_a_policy() -> None:
    policy_set = policy_set_load(POLICIES)
    asked = {policy.query.rpartition(".")[0].removeprefix("data.") for policy in policy_set.policies}
    packages = {
        match[1] for name in RULES if (match := re.search(r"^package (\S+)", SOURCES[name], flags=re.MULTILINE))
    }
    assert packages - asked == {"provision.request.scope"}
    assert set(policy_set.modules) == set(RULES)
