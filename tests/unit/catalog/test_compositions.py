"""What a manifest of a composed offering may say, as far as it can be told without the catalog."""

from pathlib import Path

import pytest

from catalog.manifest.composing import COMMON, COMPOSED_FORMAT, composed_read, is_composed
from catalog.manifest.packing import module_digest
from catalog.manifest.reading import FORMAT, format_load
from catalog.manifest.wiring import (
    ComponentOutput,
    WholeParameter,
    Wires,
    WiringCycleError,
    dependency_order,
    known_findings,
    source_parse,
)
from catalog.schema.problems import ModuleBrokenError
from platform_api.core.judgement import Judge
from tests.compositions import COMPOSED, composed_write
from tests.modules import module_write


def problems(parent: Path, manifest: str) -> list[str]:
    with pytest.raises(ModuleBrokenError) as caught:
        composed_read(composed_write(parent, manifest=manifest))
    return [str(problem) for problem in caught.value.problems]


def test_a_sound_manifest_is_taken(tmp_path: Path) -> None:
    candidate = composed_read(composed_write(tmp_path))
    assert [component["name"] for component in candidate.manifest["components"]] == ["archive", "db", "reports"]
    assert candidate.parameters_schema["properties"]["connections"]["default"] == 5
    assert candidate.parameters_schema["required"] == []


def test_a_parameter_without_a_default_has_to_be_set(tmp_path: Path) -> None:
    folder = composed_write(tmp_path, manifest=COMPOSED.replace("    default: 5\n", ""))
    assert composed_read(folder).parameters_schema["required"] == ["connections"]


def test_one_without_an_expiry_stays(tmp_path: Path) -> None:
    line = "expiry: {default_seconds: 3600, maximum_seconds: 86400}\n"
    assert composed_read(composed_write(tmp_path, manifest=COMPOSED.replace(line, ""))).manifest["expiry"] is None


def test_components_tell_the_two_forms_apart(tmp_path: Path) -> None:
    assert is_composed(composed_write(tmp_path))
    assert not is_composed(module_write(tmp_path))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "offering.yaml").write_text("components: [\n")
    assert not is_composed(tmp_path / "broken")
    assert not is_composed(tmp_path / "nowhere")


def test_equal_manifests_have_equal_digests(tmp_path: Path) -> None:
    first, second, other = (
        module_digest(composed_read(composed_write(tmp_path / name, manifest=manifest)).packed)
        for name, manifest in (("1", COMPOSED), ("2", COMPOSED), ("3", COMPOSED.replace("Three", "3")))
    )
    assert first == second != other


def test_files_of_a_module_beside_the_manifest_are_refused(tmp_path: Path) -> None:
    folder = composed_write(tmp_path)
    (folder / "main.tf").write_text("")
    with pytest.raises(ModuleBrokenError, match=r"main\.tf:1: a composed offering has no module"):
        composed_read(folder)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("format: 1", "format: 2", "format:", "format: 2 is none of the values"),
        ("tier: development", "tier: gold", "tier:", "tier: "),
        ("tier: development\n", "", "format: 1", "tier is missing"),
        ("kind: environment", "kind: database", "kind:", "kind: "),
        ("slug: trio", "slug: duo", "slug:", "the slug has to be the folder's name, trio"),
        ("kind: environment", "kind: environment\nplans: []", "plans:", 'There is no "plans"'),
        ("maximum_seconds: 86400", "maximum_seconds: 60", "expiry:", "the default of the expiry is above its maximum"),
        ("maximum_seconds: 86400", "maximum_seconds: 1.5", "expiry:", "expiry.maximum_seconds: "),
        ("name: db", "name: Db", "name: Db", "components.1.name: "),
        ("name: db", "name: archive",
         "- name: archive\n    offering: postgres-database\n    version: 1.0.0\n    plan: sm",
         "there are two components archive"),
        ("name: db", "name: parameters", "name: parameters", "parameters means those of the whole"),
        ("version: 1.0.0\n    plan: small", 'version: "1"\n    plan: small', 'version: "1"', "components.1.version: "),
        ("db.outputs.port", "db.port", "db.port", "components.2.wiring.statement_timeout_seconds: "),
        ("db.outputs.port", "nobody.outputs.port", "nobody.", "there is no component nobody"),
        ("db.outputs.port", "reports.outputs.port\n#", "reports.outputs.port\n#", "reports cannot need itself"),
        ("db.outputs.port", "archive.outputs.port", "components:",
         "no component can be the first: archive needs reports needs archive"),
        ("connection_limit: parameters.connections\n  - name", "connection_limit: parameters.several\n  - name",
         "parameters.several", "there is no several in parameters"),
        ("wiring:\n      connection_limit", "wiring:\n      statement_timeout_seconds: parameters.connections\n"
         "      connection_limit", "statement_timeout_seconds: parameters.connections",
         "statement_timeout_seconds has two sources"),
        ("default: 5", "default: five", "default: five", "the default of connections does not do"),
        ("default: 5", "defualt: 5", "defualt", 'There is no "defualt"'),
        ("type: integer", 'type: string\n    pattern: "("', "connections:\n", "connections has no sound schema"),
        ("parameters:\n  connections", "parameters:\n  unused: {type: string, description: Nothing.}\n  connections",
         "unused:", "nobody is given unused"),
        ("  connections:\n", "  Connections:\n", "Connections:", "Connections is no name of a parameter"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: str, words: str) -> None:
    manifest = COMPOSED.replace(old, new, 1)
    assert manifest != COMPOSED
    number = manifest.lstrip()[: manifest.lstrip().index(line)].count("\n") + 1
    found = problems(tmp_path, manifest)
    assert any(each.startswith(f"offering.yaml:{number}: ") and words in each for each in found), found


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    manifest = COMPOSED.replace("name: db", "name: parameters").replace("default: 5", "default: five")
    assert len(problems(tmp_path, manifest)) == 3  # and nobody is called db any more


def test_both_forms_share_their_common_members() -> None:
    assert set(COMMON) <= set(format_load(FORMAT)["properties"])
    assert not set(COMMON) & set(format_load(COMPOSED_FORMAT)["properties"])


def test_a_source_is_the_whole_or_another_component() -> None:
    assert source_parse("parameters.seed") == WholeParameter("seed")
    assert source_parse("db-1.outputs.host") == ComponentOutput("db-1", "host")


def test_what_is_taken_is_known_by_whom_it_is_taken_of() -> None:
    wires = Wires.of({"wiring": {"a": "db.outputs.host", "b": "db.outputs.port", "c": "parameters.seed"}})
    assert wires.needs == {"db": {"a": "host", "b": "port"}}
    assert wires.given == {"c": "seed"}
    assert set(wires.awaited) == {"a", "b"}
    assert Wires.of({}).needs == Wires.of({"wiring": None}).needs == {}


def test_each_comes_after_those_that_it_needs() -> None:
    order = dependency_order({"c": ["b", "a"], "b": ["a"], "a": [], "d": ["c"]})
    assert order == ["a", "b", "c", "d"]
    with pytest.raises(WiringCycleError, match="a needs b needs a"):
        dependency_order({"a": ["b"], "b": ["a"]})


def test_what_comes_later_is_not_missed_and_what_is_wrong_now_is_told() -> None:
    schema = {
        "type": "object",
        "properties": {"x": {"type": "string"}, "y": {"type": "string"}},
        "required": ["x", "y"],
    }
    judge = Judge(schema, root="#/parameters")
    assert known_findings(judge, {"y": "1"}, awaited={"x"}) == []
    assert [found["code"] for found in known_findings(judge, {"y": 1}, awaited={"x"})] == ["type_mismatch"]
    assert [found["pointer"] for found in known_findings(judge, {}, awaited={"x"})] == ["#/parameters/y"]
