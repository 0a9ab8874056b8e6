"""The compiled schemas against Terraform itself: what it takes, what it refuses, and where we are stricter on purpose.

One module holds a variable for each case of ``terraform_agreement.yaml``; a plan judges one value of every variable. A
plan that refuses some says nothing sure of the others, so those are asked again without them.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.schema.compiler import interface_read
from platform_api.core.judgement import compile_schema

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("terraform_agreement.yaml").read_text("utf-8"))
KINDS = ("same", "stricter", "later")
NAMED = re.compile(r'variable "v(\d+)"|var\.v(\d+)\b')
Answers = dict[tuple[int, str], bool]


def declaration(index: int, case: dict[str, Any]) -> str:
    lines = [f"nullable = {str(case.get('nullable', False)).lower()}"]
    lines += [f"{word} = {case[word]}" for word in ("type", "default") if word in case]
    if "rule" in case:
        condition = case["rule"].replace("var.x", f"var.v{index}")
        lines.append(f'validation {{\n condition = {condition}\n error_message = "Not for var.v{index}."\n}}')
    return f'variable "v{index}" {{\n' + "\n".join(lines) + "\n}\n"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agreement")
    text = "\n".join(declaration(index, case) for index, case in enumerate(CASES))
    (folder / "variables.tf").write_text(text, encoding="utf-8")
    return folder


def refused(folder: Path, values: dict[int, Any]) -> set[int]:
    """Return the variables that a plan with these values complains of."""
    named = {f"v{index}": value for index, value in values.items()}
    (folder / "terraform.tfvars.json").write_text(json.dumps(named), encoding="utf-8")
    plan = subprocess.run(
        ["terraform", "plan", "-json", "-input=false", "-lock=false"],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "CHECKPOINT_DISABLE": "1"},
    )
    complained: set[int] = set()
    for line in plan.stdout.splitlines():
        diagnostic = json.loads(line).get("diagnostic", {})
        if diagnostic.get("severity") == "error":
            snippet = diagnostic.get("snippet") or {}
            match = NAMED.search(f"{snippet.get('context')} {diagnostic['summary']} {diagnostic['detail']}")
            assert match, diagnostic
            complained.add(int(match[1] or match[2]))
    assert bool(complained) == bool(plan.returncode), plan.stderr
    return complained


@pytest.fixture(scope="module")
def answers(module: Path) -> Answers:
    """Terraform's answer to each value of each case; the first value of a case is a good one, and fills the gaps."""
    fillers = {index: case["same"][0] for index, case in enumerate(CASES)}
    values = [[value for kind in KINDS for value in case.get(kind, [])] for case in CASES]
    found: Answers = {}
    for turn in range(max(map(len, values))):
        asked = {index: of_case[turn] for index, of_case in enumerate(values) if turn < len(of_case)}
        while asked:
            complained = refused(module, {**fillers, **asked})
            assert complained <= asked.keys()
            sure = complained or asked.keys()
            found |= {(index, json.dumps(asked[index])): index not in complained for index in sure}
            asked = {index: value for index, value in asked.items() if index not in sure}
    return found


def test_terraform_and_the_schemas_agree(module: Path, answers: Answers) -> None:
    variables = interface_read(module).variables
    expected = {"same": None, "stricter": (False, True), "later": (True, False)}
    wrong = []
    for index, case in enumerate(CASES):
        validator = compile_schema(variables[f"v{index}"].schema)
        for kind in KINDS:
            for value in case.get(kind, []):
                ours, theirs = validator.is_valid(value), answers[index, json.dumps(value)]
                if (ours, theirs) != (expected[kind] or (theirs, theirs)):
                    wrong.append((declaration(index, case), value, kind, f"ours: {ours}, Terraform: {theirs}"))
    assert not wrong
    assert len(answers) > 190


def test_only_rules_without_a_shape_wait_for_the_plan(module: Path) -> None:
    variables = interface_read(module).variables
    waiting = [bool(variables[f"v{index}"].plan_time_messages) for index in range(len(CASES))]
    assert waiting == ["later" in case for case in CASES]
