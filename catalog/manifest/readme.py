"""The reference tables of a module's README, made from the module, so that they cannot drift from it."""

import json
from collections.abc import Iterable

from catalog.manifest.reading import Candidate
from catalog.schema.problems import ModuleBrokenError, Problem
from catalog.schema.variables import Variable

README = "README.md"
BEGIN, END = "<!-- BEGIN GENERATED -->", "<!-- END GENERATED -->"

PLATFORM_VALUES = {
    "physical_name": "the platform: the resource's physical name",
    "resource_id": "the platform: the resource's id",
    "project": "the platform: the project",
    "environment": "the platform: the environment",
    "tier": "the platform: the environment's tier",
}


def readme_generated(candidate: Candidate) -> str:
    """Return the README as it should be: the prose as it is, and the tables made anew.

    Raises:
        ModuleBrokenError: There is no README, or it does not have the two markers once each, in their order.
    """
    path = candidate.folder / README
    if not path.is_file():
        raise ModuleBrokenError([Problem(README, 1, "the module has no README.md")])
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in before + after:
        reason = f"the tables stand between one {BEGIN} and one {END}"
        raise ModuleBrokenError([Problem(README, before.count("\n") + 1, reason)])
    return f"{before}{BEGIN}\n\n{_tables(candidate)}\n{END}{after}"


def _tables(candidate: Candidate) -> str:
    variables = [_variable_row(variable, candidate) for variable in candidate.interface.variables.values()]
    manifest = candidate.manifest["outputs"]
    outputs = [
        (f"`{output.name}`", output.description, _shown_to(output.name, manifest))
        for output in candidate.interface.outputs.values()
    ]
    plans = [
        (
            f"`{plan['slug']}`",
            plan["description"],
            f"{plan['monthly_price']['amount']} {plan['monthly_price']['currency']}",
            str(plan["quota_points"]),
            "<br>".join(_narrowed(name, said) for name, said in plan["parameters"].items()) or "as in the module",
        )
        for plan in candidate.manifest["plans"]
    ]
    return "\n".join(
        [
            "### Variables\n",
            _table(("Name", "Type", "Default", "Description", "Set by"), variables),
            "### Outputs\n",
            _table(("Name", "Description", "Shown"), outputs),
            "### Plans\n",
            _table(("Plan", "For", "A month", "Quota points", "Parameters"), plans),
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _variable_row(variable: Variable, candidate: Candidate) -> tuple[str, ...]:
    is_secret = variable.is_sensitive or variable.is_ephemeral
    default = "required" if not variable.has_default else "secret" if is_secret else f"`{_json(variable.default)}`"
    setter = _set_by(variable.name, candidate)
    return (f"`{variable.name}`", f"`{variable.type_text}`", default, variable.description, setter)


def _set_by(name: str, candidate: Candidate) -> str:
    platform = candidate.manifest["variables"]["platform"]
    verifiers = (candidate.manifest["credentials"] or {"verifiers": {}})["verifiers"]
    if name in platform:
        return PLATFORM_VALUES[platform[name]]
    return f"the platform: a {verifiers[name]} verifier of the password" if name in verifiers else "the request"


def _shown_to(name: str, outputs: dict[str, list[str]]) -> str:
    if name in outputs["shown"]:
        return "with the resource"
    return "with the credentials" if name in outputs["sensitive"] else "no"


def _narrowed(name: str, said: dict[str, object]) -> str:
    words = [f"{word} {_json(value)}" for word, value in said.items()]
    return f"`{name}`: {', '.join(words)}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
