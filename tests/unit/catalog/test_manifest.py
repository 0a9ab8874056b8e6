from pathlib import Path
from typing import Any

import pytest

from catalog.manifest.documents import document_read
from catalog.manifest.reading import FORMAT, candidate_read
from catalog.manifest.readme import readme_generated
from catalog.models.connections import ConnectionKind
from catalog.models.offerings import OfferingKind
from catalog.schema.problems import ModuleBrokenError
from tests.modules import MANIFEST, VARIABLES, module_write


def problems(parent: Path, **files: str) -> list[str]:
    with pytest.raises(ModuleBrokenError) as caught:
        candidate_read(module_write(parent, **files))
    return [str(problem) for problem in caught.value.problems]


def line_of(text: str, needle: str) -> int:
    return text.lstrip()[: text.lstrip().index(needle)].count("\n") + 1


def test_a_sound_module_is_taken(tmp_path: Path) -> None:
    candidate = candidate_read(module_write(tmp_path))
    assert list(candidate.parameters_schema["properties"]) == ["size", "color"]
    assert candidate.manifest["plans"][0]["monthly_price"] == {"amount": "9.00", "currency": "EUR"}
    assert candidate.interface.resource_types == {"terraform_data"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("format: 1", "format: 2", "format: 2 is none of the values"),
        ("title: Widget", "tilte: Widget", 'There is no "tilte". Did you mean title?'),
        ("version: 1.0.0", "version: 1.0", "version: This has to be a text; it is a number"),
        ("version: 1.0.0", 'version: "01.0.0"', "version: "),
        ("version: 1.0.0", "version: 1.0.0-rc.1", "version: "),
        ("slug: widget", "slug: gadget", "the slug has to be the folder's name, widget"),
        ("kind: queue", "kind: qeue", "kind: "),
        ("connection_kind: postgres", "connection_kind: mysql", "connection_kind: "),
        ("plan_seconds: 60", "plan_seconds: 0", "timeouts.plan_seconds: 0 is less than 1"),
        ("apply_seconds: 300", "apply_seconds: 86401", "timeouts.apply_seconds: "),
        ("apply_seconds: 300", 'apply_seconds: "300"', "timeouts.apply_seconds: "),
        ('amount: "9.00"', "amount: 9.00", "plans.0.monthly_price.amount: This has to be a text"),
        ('amount: "9.00"', 'amount: "9.0"', "plans.0.monthly_price.amount: "),
        (
            "currency: EUR}\n    quota_points: 1",
            "currency: Euro}\n    quota_points: 1",
            "plans.0.monthly_price.currency",
        ),
        ("quota_points: 8", "quota_points: -1", "plans.1.quota_points: "),
        ("slug: red", "slug: small", "there are two plans small"),
        ("maximum: 10", "maximum: 101", "the module does not allow it: 101 is more than 100"),
        ("maximum: 10", "maximum: 2.5", "the module does not allow it: This has to be a whole number"),
        ("maximum: 10", "minimum: 4, maximum: 10", "the default of size does not do: 3 is less than 4"),
        ("maximum: 10", "minimum: 11, maximum: 10", "the minimum of size is above its maximum"),
        ("default: 3", "default: three", "the default of size does not do: This has to be a whole number"),
        ("choices: [red]", "choices: [red, green]", "the module does not allow it"),
        ("color: {default: red", "colour: {default: red", "colour is not there"),
        ("platform: {name: physical_name}", "platform: {nam: physical_name}", "the module has no variable nam"),
        ("platform: {name: physical_name}", "platform: {name: phys}", "variables.platform.name: "),
        ("platform: {name: physical_name}", "platform: {size: tier, name: physical_name}", "size has two places"),
        ("user: [size, color]", "user: [size, colour]", "the module has no variable colour"),
        ("password_verifier: scram-sha-256", "password_verifier: md5", "credentials.verifiers.password_verifier: "),
        ("username_output: username", "username_output: user", "the module has no output user"),
        ("@{host}", "@{hots}", "{hots} is no output of the module"),
        (":{password}@", "@", "the template lacks {password}"),
        ("@{host}", "@{host", "this is not a template"),
        ("@{host}", "@{host:>9}", "plain names in braces"),
        ("shown: [host, username]", "shown: [host, usrname]", "the module has no output usrname"),
        ("shown: [host, username]", "shown: [host, hint]", "outputs.tf:11 says that hint is sensitive"),
        ("sensitive: [hint]", "sensitive: [host]", "outputs.tf:1 does not say that host is sensitive"),
        ("stateful_types: [terraform_data]", "stateful_types: [terraform_dat]", "no resource of type terraform_dat"),
        ("tags: [small, round]", "tags: [small, small]", "tags: This names an item twice"),
        ("tags: [small, round]", "tags: !!set {small}", "the tag tag:yaml.org,2002:set is not taken"),
        ("tags: [small, round]", "tags: ]", "this is not YAML"),
        ("kind: queue", "kind: queue\nkind: queue", "kind stands twice"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert MANIFEST.count(old) == 1
    changed = MANIFEST.replace(old, new)
    told = problems(tmp_path, manifest=changed)
    lines = {
        number
        for number, (was, now) in enumerate(zip(*map(_lines, (MANIFEST, changed)), strict=False), 1)
        if was != now
    }
    assert any(words in each and int(each.split(":")[1]) in lines for each in told), told


def _lines(text: str) -> list[str]:
    return text.lstrip().splitlines()


def test_every_finding_of_manifest_and_module_comes_at_once(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        manifest=MANIFEST.replace("kind: queue", "kind: qeue").replace("format: 1", "format: 2"),
        variables=VARIABLES.replace("type        = number", "type        = nmber"),
    )
    assert [each.split(": ")[0] for each in told] == ["offering.yaml:1", "offering.yaml:6", "variables.tf:16"]


def test_a_variable_that_nobody_sets_is_told_where_it_is_declared(tmp_path: Path) -> None:
    told = problems(tmp_path, variables=VARIABLES + '\nvariable "extra" {\n  type = string\n}\n')
    line = line_of(VARIABLES + '\nvariable "extra"', 'variable "extra"')
    assert told == [
        f"variables.tf:{line}: nobody sets extra; name it in offering.yaml, in variables.user, variables.platform or "
        "credentials.verifiers"
    ]


def test_what_the_platform_fills_in_is_a_text_and_a_verifier_is_secret(tmp_path: Path) -> None:
    variables = VARIABLES.replace("  sensitive   = true\n", "").replace(
        'description = "Physical name."\n  type        = string',
        'description = "Physical name."\n  type        = number',
    )
    told = problems(tmp_path, variables=variables)
    assert [each.split(": ", 1)[1] for each in told] == [
        "the platform fills in texts; name is of type number",
        "password_verifier takes a verifier, so the module has to say sensitive = true",
    ]


def test_an_offering_may_hand_out_no_credentials(tmp_path: Path) -> None:
    start, end = MANIFEST.index("credentials:"), MANIFEST.index("outputs:")
    manifest = (MANIFEST[:start] + MANIFEST[end:]).replace(
        "{name: physical_name}", "{name: physical_name, password_verifier: project}"
    )
    assert candidate_read(module_write(tmp_path, manifest=manifest)).manifest["credentials"] is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: \xff\n", "d.yaml:1: this is not UTF-8"),
        (b"a: &x [1]\nb: *x\n", "d.yaml:1: aliases are not taken; write the value again"),
        (b"a: {<<: {b: 1}}\n", "d.yaml:1: a key has to be a plain word"),
        (b"? [a]\n: 1\n", "d.yaml:1: a key has to be a plain word"),
        (b"a: 1\n\na: 2\n", "d.yaml:3: a stands twice"),
        (b"a: !!python/object:os.system 1\n", "d.yaml:1: the tag tag:yaml.org,2002:python/object:os.system"),
        (b"a: 1\n  b: 2\n", "d.yaml:2: this is not YAML"),
        (b"a: 1\n---\nb: 2\n", "d.yaml:2: this is not YAML"),
        (b"a: \x01\n", "d.yaml:1: this is not YAML"),
        (b"#" * 300_000, "d.yaml:1: the file is larger"),
    ],
)
def test_what_is_not_plain_data_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "d.yaml").write_bytes(content)
    with pytest.raises(ModuleBrokenError) as caught:
        document_read(tmp_path / "d.yaml")
    assert str(caught.value.problems[0]).startswith(told)


def test_a_missing_manifest_says_so(tmp_path: Path) -> None:
    folder = module_write(tmp_path)
    (folder / "offering.yaml").unlink()
    with pytest.raises(ModuleBrokenError, match=r"offering\.yaml:1: the file cannot be read: No such file"):
        candidate_read(folder)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2026-11-21", "2026-11-21"),
        ("0x1f", "0x1f"),
        ("017", 17),
        ("-3", -3),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("Null", None),
        ("", None),
        ('"1"', "1"),
        ("'true'", "true"),
    ],
)
def test_words_mean_what_yaml_1_2_says(tmp_path: Path, text: str, value: Any) -> None:
    (tmp_path / "d.yaml").write_text(f"a: {text}\n")
    assert document_read(tmp_path / "d.yaml").value == {"a": value}


def test_the_readme_has_the_tables_and_keeps_its_prose(tmp_path: Path) -> None:
    folder = module_write(tmp_path)
    text = readme_generated(candidate_read(folder))
    assert text.startswith("# widget\n\nProse.\n\n<!-- BEGIN GENERATED -->\n\n### Variables\n\n| Name | Type |")
    assert text.endswith("<!-- END GENERATED -->\n\nMore prose.\n")
    assert "| `size` | `number` | `5` | How many, 1 to 100 pieces. | the request |" in text
    assert "| `name` | `string` | required | Physical name. | the platform: the resource's physical name |" in text
    assert "| `hint` | A secret. | with the credentials |" in text
    assert "| `small` | For a few. | 9.00 EUR | 1 | `size`: default 3, maximum 10 |" in text
    (folder / "README.md").write_text(text)
    assert readme_generated(candidate_read(folder)) == text


@pytest.mark.parametrize("text", ["no markers", "<!-- END GENERATED --><!-- BEGIN GENERATED -->"])
def test_a_readme_without_its_markers_is_refused(tmp_path: Path, text: str) -> None:
    folder = module_write(tmp_path)
    (folder / "README.md").write_text(text)
    with pytest.raises(ModuleBrokenError, match=r"README\.md:1: the tables stand between"):
        readme_generated(candidate_read(folder))


def test_the_format_and_the_database_know_the_same_kinds() -> None:
    properties = document_read(FORMAT).value["properties"]
    assert properties["kind"]["enum"] == OfferingKind.values
    assert properties["connection_kind"]["enum"] == ConnectionKind.values
