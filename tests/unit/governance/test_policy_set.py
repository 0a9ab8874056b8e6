from pathlib import Path

import pytest

from governance.engine.policy_set import Level, PolicySetError, Stage, policy_set_load

ENTRY = "  - {id: one, title: One, stage: request, enforcement_level: soft-mandatory, query: data.provision.one.deny}\n"
MANIFEST = "id: default\nversion: 2\npolicies:\n" + ENTRY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy-set.yaml").write_text(MANIFEST)
    (tmp_path / "one.rego").write_text("package provision.one\n")
    return tmp_path


def test_a_set_says_which_rules_count_when_and_how_much(folder: Path) -> None:
    policy_set = policy_set_load(folder)
    (policy,) = policy_set.policies
    assert (policy_set.id, policy_set.version, dict(policy_set.modules)) == (
        "default", 2, {"one.rego": "package provision.one\n"},
    )  # fmt: skip
    assert (policy.id, policy.title, policy.stage, policy.level) == (
        "one", "One", Stage.REQUEST, Level.SOFT_MANDATORY,
    )  # fmt: skip


def test_the_digest_follows_the_files_but_not_their_tests(folder: Path) -> None:
    before = policy_set_load(folder).digest
    (folder / "one_test.rego").write_text("package provision.one_test\n")
    assert policy_set_load(folder).digest == before
    (folder / "one.rego").write_text("package provision.one\n\n")
    after = policy_set_load(folder).digest
    (folder / "one.rego").rename(folder / "two.rego")
    assert len({before, after, policy_set_load(folder).digest}) == 3


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("", "not of the form that docs/policies.md says"),
        ("id: default\nversion: 2\npolicies: [one]", "not of the form that docs/policies.md says"),
        ("[", "not YAML"),
        ("id: default\nversion: 2\npolicies: []", "must be listed"),
        (MANIFEST + ENTRY, "each id once"),
        (MANIFEST.replace("version: 2\n", ""), "the key 'version' is missing"),
        (MANIFEST.replace("version: 2", "version: two"), "two"),
        (MANIFEST.replace("title: One, ", ""), "the key 'title' is missing"),
        (MANIFEST.replace("soft-mandatory", "mandatory"), "'mandatory' is not a valid Level"),
        (MANIFEST.replace("stage: request", "stage: later"), "'later' is not a valid Stage"),
        (MANIFEST.replace("id: one", "id: One"), "id 'One' must be of the form"),
        (MANIFEST.replace(".deny", ".Deny"), "must be of the form"),
        (MANIFEST.replace(".deny", ".violation"), "must be of the form"),
        (MANIFEST.replace(".deny", ".warn"), "can only be advisory"),
    ],
)
def test_a_manifest_of_another_form_is_refused_with_its_place(folder: Path, manifest: str, said: str) -> None:
    (folder / "policy-set.yaml").write_text(manifest)
    with pytest.raises(PolicySetError) as caught:
        policy_set_load(folder)
    assert said in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "is_taken"),
    [
        ('package p\n\nx := "a\\"b"\n', False),
        ('package p\n\nx := ["ok", "\\\\d"]\n', False),
        ('package p\n\nx := `\\d"`\n', True),
        ('package p\n\n# "a\\"b"\nx := "#"\n', True),
        ('package p\n\nx := "`"\ny := "a"\n', True),
    ],
)
def test_an_escape_in_a_quoted_text_is_refused_with_its_line(folder: Path, source: str, *, is_taken: bool) -> None:
    (folder / "one.rego").write_text(source)
    if is_taken:
        assert policy_set_load(folder).modules["one.rego"] == source
        return
    with pytest.raises(PolicySetError, match=r"one\.rego:3: write .* between backticks"):
        policy_set_load(folder)


@pytest.mark.parametrize(
    ("line", "is_taken"),
    [
        ("x if count(y) == 0 with input as m", False),
        ("x if count(y) == 0 with data.p.z as m", False),
        ('x := "with input as m"', True),
        ("# with input as m", True),
    ],
)
def test_what_the_engine_would_die_of_is_refused(folder: Path, line: str, *, is_taken: bool) -> None:
    (folder / "one.rego").write_text(f"package p\n\n{line}\n")
    if is_taken:
        assert policy_set_load(folder).policies
        return
    with pytest.raises(PolicySetError, match="aborts on Rego's with"):
        policy_set_load(folder)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicySetError, match="nowhere"):
        policy_set_load(tmp_path / "nowhere")
