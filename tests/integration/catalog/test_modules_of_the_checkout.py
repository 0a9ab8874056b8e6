"""Every module in terraform_modules/ is sound, and its README is as its files are."""

from pathlib import Path

import pytest

from catalog.manifest.composing import is_composed
from catalog.manifest.reading import MANIFEST, candidate_read
from catalog.manifest.readme import README, readme_generated

MODULES = Path(__file__).resolve().parents[3] / "terraform_modules"
FOLDERS = sorted(manifest.parent for manifest in MODULES.glob(f"*/{MANIFEST}") if not is_composed(manifest.parent))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_a_module_can_be_published(folder: Path) -> None:
    candidate = candidate_read(folder)
    assert all(variable.description for variable in candidate.interface.variables.values())
    assert all(output.description for output in candidate.interface.outputs.values())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_a_readme_has_the_tables_of_its_module(folder: Path) -> None:
    wanted = readme_generated(candidate_read(folder))
    assert (folder / README).read_text(encoding="utf-8") == wanted, "run manage.py module_readme"
