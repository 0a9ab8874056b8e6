import stat
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from catalog.manifest.packing import DigestMismatchError, module_digest, module_extract, module_pack
from catalog.schema.problems import ModuleBrokenError
from tests.modules import module_write


def names(packed: bytes) -> list[str]:
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        return tar.getnames()


def test_a_module_is_packed_without_what_is_no_part_of_it(tmp_path: Path) -> None:
    folder = module_write(tmp_path)
    for name in (".terraform.lock.hcl", ".hidden", "templates/a.tpl", ".terraform/x", "examples/basic/main.tf"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("x")
    assert names(module_pack(folder)) == [
        ".terraform.lock.hcl",
        "main.tf",
        "outputs.tf",
        "templates/a.tpl",
        "variables.tf",
    ]


def test_equal_files_give_equal_bytes_whatever_their_times_and_rights(tmp_path: Path) -> None:
    one, other = module_write(tmp_path / "a"), module_write(tmp_path / "b")
    (other / "main.tf").chmod(0o600)
    (other / "tests" / "plan.tftest.hcl").write_text("another test")
    (other / "README.md").write_text("other prose")
    assert module_pack(one) == module_pack(other)
    (other / "main.tf").write_text("# changed\n")
    assert module_digest(module_pack(one)) != module_digest(module_pack(other))


@pytest.mark.parametrize("name", ["terraform.tfvars", "x.auto.tfvars.json", "terraform.tfstate", "p.tfplan"])
def test_files_with_values_or_state_are_refused(tmp_path: Path, name: str) -> None:
    folder = module_write(tmp_path)
    (folder / name).write_text("x = 1\n")
    with pytest.raises(ModuleBrokenError, match=f"{name}:1: files with values or state"):
        module_pack(folder)


def test_links_are_refused(tmp_path: Path) -> None:
    folder = module_write(tmp_path)
    (folder / "secret.tf").symlink_to("/etc/hostname")
    (folder / "others").symlink_to(tmp_path)
    with pytest.raises(ModuleBrokenError) as caught:
        module_pack(folder)
    assert [problem.file for problem in caught.value.problems] == ["others", "secret.tf"]


def test_what_is_too_large_for_a_module_is_refused(tmp_path: Path) -> None:
    folder = module_write(tmp_path)
    (folder / "blob").write_bytes(b"x" * 2_000_000)
    with pytest.raises(ModuleBrokenError, match="larger than"):
        module_pack(folder)


def test_a_module_comes_out_as_it_went_in_and_only_for_its_owner(tmp_path: Path) -> None:
    folder = module_write(tmp_path)
    (folder / "templates").mkdir()
    (folder / "templates" / "a.tpl").write_text("x")
    packed = module_pack(folder)
    out = tmp_path / "out"
    module_extract(packed, digest=module_digest(packed), destination=out)
    assert (out / "main.tf").read_text() == (folder / "main.tf").read_text()
    assert module_pack(out) == packed
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert stat.S_IMODE((out / "templates" / "a.tpl").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        module_extract(packed, digest=module_digest(packed), destination=out)


def test_an_altered_module_is_not_written(tmp_path: Path) -> None:
    packed = module_pack(module_write(tmp_path))
    with pytest.raises(DigestMismatchError):
        module_extract(packed[:-1] + b"x", digest=module_digest(packed), destination=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def packed_of(entry: tarfile.TarInfo) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(entry, BytesIO(b"x" * entry.size))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside"])
def test_an_entry_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = 1
    packed = packed_of(entry)
    with pytest.raises(ValueError, match="is no plain file below"):
        module_extract(packed, digest=module_digest(packed), destination=tmp_path / "module")
    assert [path.name for path in tmp_path.rglob("*")] == ["module"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_an_entry_that_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("main.tf")
    entry.type, entry.linkname = kind, "/etc/passwd"
    packed = packed_of(entry)
    with pytest.raises(ValueError, match="is no plain file below"):
        module_extract(packed, digest=module_digest(packed), destination=tmp_path / "module")
