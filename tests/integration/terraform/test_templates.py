"""Templates: made once, found again, the same for whoever races, and refused when changed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.spec import RunSpec, Template
from platform_api.terraform.templates import TemplateDamagedError, TemplateUnfitError, template_build
from platform_api.terraform.toolchain import Toolchain, toolchain_make
from tests.integration.terraform.conftest import MODULES

PLAIN = 'resource "terraform_data" "a" {}\n'


def module_make(folder: Path, configuration: str = PLAIN) -> Path:
    folder.mkdir()
    (folder / "main.tf").write_text(configuration)
    return folder


def test_a_template_holds_the_module_and_its_lock_file_but_no_tests(database_template: Template) -> None:
    names = {path.name for path in database_template.folder.iterdir()}
    assert {"main.tf", "variables.tf", ".terraform", ".terraform.lock.hcl"} <= names
    assert not names & {"tests", "examples"}
    assert "provider.slipway.internal" in (database_template.folder / ".terraform.lock.hcl").read_text()


def test_workers_that_race_get_one_template(tmp_path: Path, toolchain: Toolchain) -> None:
    module = module_make(tmp_path / "module")
    templates = tmp_path / "templates"
    with ThreadPoolExecutor(6) as pool:
        built = [pool.submit(template_build, module, templates=templates, toolchain=toolchain) for _ in range(6)]
        found = {one.result() for one in built}
    assert len(found) == 1
    assert [path.name for path in templates.iterdir()] == [found.pop().folder.parent.name], "nothing else is left"


def test_workers_that_race_for_the_toolchain_get_one(tmp_path: Path, toolchain: Toolchain) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = [pool.submit(toolchain_make, tmp_path / "toolchain", toolchain.program) for _ in range(6)]
        found = {one.result().configuration for one in made}
    assert len(found) == 1
    assert sorted(path.suffix for path in (tmp_path / "toolchain").iterdir()) == ["", ".rc"]
    assert found.pop().read_text().count("mirror-") == 1


def test_another_module_or_another_terraform_is_another_template(tmp_path: Path, toolchain: Toolchain) -> None:
    templates = tmp_path / "templates"
    one = module_make(tmp_path / "one")
    other = module_make(tmp_path / "other", PLAIN + "# changed\n")
    newer = replace(toolchain, digest="sha256:newer")
    folders = {
        template_build(module, templates=templates, toolchain=chain).folder.parent
        for module, chain in [(one, toolchain), (other, toolchain), (one, newer), (one, toolchain)]
    }
    assert len(folders) == 3


def test_what_terraform_refuses_is_quoted_and_leaves_nothing(tmp_path: Path, toolchain: Toolchain) -> None:
    source = 'terraform {\n required_providers {\n  aws = { source = "hashicorp/aws" }\n }\n}\n'
    module = module_make(tmp_path / "module", source)
    with pytest.raises(TemplateUnfitError, match="hashicorp/aws"):
        template_build(module, templates=tmp_path / "templates", toolchain=toolchain)
    assert list((tmp_path / "templates").iterdir()) == []


def test_a_link_in_a_module_is_refused(tmp_path: Path, toolchain: Toolchain) -> None:
    module = module_make(tmp_path / "module")
    (module / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(TemplateUnfitError, match="passwd is a link"):
        template_build(module, templates=tmp_path / "templates", toolchain=toolchain)


def test_a_changed_template_is_neither_found_nor_run(
    tmp_path: Path, toolchain: Toolchain, client: LocalTerraform, folder: Path
) -> None:
    module = module_make(tmp_path / "module")
    template = template_build(module, templates=tmp_path / "templates", toolchain=toolchain)
    (template.folder / "extra.tf").write_text('output "x" { value = file("/etc/passwd") }')

    with pytest.raises(TemplateDamagedError, match="templates"):
        template_build(module, templates=tmp_path / "templates", toolchain=toolchain)
    with (
        pytest.raises(TemplateDamagedError),
        client.prepare(RunSpec(run_id="run_1", template=template, variables={})),
    ):
        pass
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("name", sorted(path.name for path in MODULES.iterdir() if (path / "main.tf").exists()))
def test_each_module_that_is_shipped_can_be_made_ready(name: str, templates: Path, toolchain: Toolchain) -> None:
    assert template_build(MODULES / name, templates=templates, toolchain=toolchain).folder.is_dir()
