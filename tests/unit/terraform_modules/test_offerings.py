"""offering.yaml says the same as the module beside it."""

import re
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
MODULES = sorted(path.parent for path in (ROOT / "terraform_modules").glob("*/versions.tf"))
COMPOSITIONS = sorted({path.parent for path in (ROOT / "terraform_modules").glob("*/offering.yaml")} - set(MODULES))


def declared(module: Path, kind: str) -> set[str]:
    return set(re.findall(rf'^{kind} "(\w+)"', (module / f"{kind}s.tf").read_text(), flags=re.MULTILINE))


@pytest.fixture(params=MODULES, ids=lambda path: path.name)
def module(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def offering(module: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((module / "offering.yaml").read_text())
    return content


def test_each_variable_is_set_by_exactly_one(module: Path, offering: dict[str, Any]) -> None:
    named = [
        *offering["variables"]["user"],
        *offering["variables"]["platform"],
        *offering["credentials"]["verifiers"],
    ]

    assert sorted(named) == sorted(declared(module, "variable"))


def test_each_output_is_shown_or_sensitive(module: Path, offering: dict[str, Any]) -> None:
    outputs = offering["outputs"]

    assert sorted(outputs["shown"] + outputs["sensitive"]) == sorted(declared(module, "output"))


def test_the_uri_is_made_of_outputs_and_the_password(module: Path, offering: dict[str, Any]) -> None:
    credentials = offering["credentials"]
    fields = {name for _, name, _, _ in Formatter().parse(credentials["uri_template"]) if name}

    assert fields - {"password"} <= declared(module, "output")
    assert credentials["username_output"] in declared(module, "output")


def test_plans_set_every_number_that_users_may_set_within_their_own_limits(
    module: Path, offering: dict[str, Any]
) -> None:
    variables = (module / "variables.tf").read_text()
    numbers = set(re.findall(r'^variable "(\w+)" \{[^}]*?type\s*= number', variables, flags=re.MULTILINE))
    assert numbers <= set(offering["variables"]["user"])
    for plan in offering["plans"]:
        assert set(plan["parameters"]) == numbers
        for limits in plan["parameters"].values():
            assert limits["minimum"] <= limits["default"] <= limits["maximum"]


def test_plans_cost_more_from_one_to_the_next(offering: dict[str, Any]) -> None:
    prices = [Decimal(plan["monthly_price"]["amount"]) for plan in offering["plans"]]
    points = [plan["quota_points"] for plan in offering["plans"]]

    assert prices == sorted(set(prices))
    assert points == sorted(set(points))
    assert all(re.fullmatch(r"\d+\.\d\d", plan["monthly_price"]["amount"]) for plan in offering["plans"])


def test_links_lead_somewhere_and_the_slug_is_the_folder(module: Path, offering: dict[str, Any]) -> None:
    assert offering["slug"] == module.name
    assert all((ROOT / path).exists() for path in offering["links"].values())


def test_what_holds_data_is_part_of_the_module(module: Path, offering: dict[str, Any]) -> None:
    used = set(re.findall(r'^resource "(\w+)"', (module / "main.tf").read_text(), flags=re.MULTILINE))

    assert set(offering["stateful_types"]) <= used


@pytest.mark.parametrize("folder", COMPOSITIONS, ids=lambda path: path.name)
def test_a_composition_names_versions_and_plans_of_this_checkout(folder: Path) -> None:
    whole = yaml.safe_load((folder / "offering.yaml").read_text())
    present = {
        (content["slug"], content["version"], plan["slug"])
        for content in (yaml.safe_load((path / "offering.yaml").read_text()) for path in MODULES)
        for plan in content["plans"]
    }

    assert {(part["offering"], part["version"], part["plan"]) for part in whole["components"]} <= present
    assert whole["slug"] == folder.name
    assert all((ROOT / path).exists() for path in whole["links"].values())
