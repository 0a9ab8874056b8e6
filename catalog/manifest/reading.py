"""A folder of ``terraform_modules/`` as something that can be published, or all that speaks against it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from catalog.manifest.checks import problems_between
from catalog.manifest.documents import Document, document_read
from catalog.manifest.packing import module_pack
from catalog.schema.compiler import interface_read, parameters_schema
from catalog.schema.problems import ModuleBrokenError, Problem
from catalog.schema.types import Schema
from catalog.schema.variables import Interface
from platform_api.core.judgement import Judge

T = TypeVar("T")

MANIFEST = "offering.yaml"
FORMAT = Path(__file__).with_name("offering.schema.json")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An offering as a checkout has it, found sound.

    Attributes:
        folder: Where module and manifest are.
        manifest: The manifest; what it may leave out is None.
        interface: The module's variables and outputs.
        parameters_schema: JSON Schema of what a request may set.
        module: The packed module.
    """

    folder: Path
    manifest: dict[str, Any]
    interface: Interface
    parameters_schema: Schema
    module: bytes


def candidate_read(folder: Path) -> Candidate:
    """Read and check a module with its manifest.

    Raises:
        ModuleBrokenError: With everything that is wrong in either, and between them.
    """
    problems: list[Problem] = []
    document = _or_none(_manifest, folder, problems)
    interface = _or_none(interface_read, folder, problems)
    module = _or_none(module_pack, folder, problems)
    if document is None or interface is None or module is None:
        raise ModuleBrokenError(problems)
    schema = parameters_schema(interface, settable=document.value["variables"]["user"])
    problems = problems_between(document, interface, schema)
    if problems:
        raise ModuleBrokenError(problems)
    manifest = {"credentials": None, **document.value}
    return Candidate(folder=folder, manifest=manifest, interface=interface, parameters_schema=schema, module=module)


def _or_none(read: Callable[[Path], T], folder: Path, problems: list[Problem]) -> T | None:
    """Read one side, or keep what is wrong with it, so that all sides are told at once."""
    try:
        return read(folder)
    except ModuleBrokenError as error:
        problems.extend(error.problems)
        return None


def manifest_read(folder: Path, *, judge: Judge) -> Document:
    """Read a manifest that has the right form, and the right name.

    Args:
        folder: Where it lies.
        judge: Judges its form.

    Raises:
        ModuleBrokenError: With everything that is wrong in it.
    """
    document = document_read(folder / MANIFEST)
    problems = [
        document.problem(finding["pointer"], f"{_member(finding['pointer'])}{finding['detail']} {finding['remedy']}")
        for finding in judge.judge(document.value)
    ]
    if not problems and document.value["slug"] != folder.resolve().name:
        reason = f"the slug has to be the folder's name, {folder.resolve().name}"
        problems.append(document.problem("#/slug", reason))
    if problems:
        raise ModuleBrokenError(problems)
    return document


def _manifest(folder: Path) -> Document:
    return manifest_read(folder, judge=_format_judge())


@cache
def _format_judge() -> Judge:
    return Judge(format_load(FORMAT), root="#")


def format_load(path: Path) -> Schema:
    """Return the schema of a form of manifest."""
    schema: Schema = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _member(pointer: str) -> str:
    name = pointer.removeprefix("#").lstrip("/").replace("/", ".")
    return f"{name}: " if name else ""
