"""A policy set: Rego files in a folder, and ``policy-set.yaml`` that says which of their rules count, and how much."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

MANIFEST = "policy-set.yaml"
TEST_SUFFIX = "_test.rego"
NAME = re.compile(r"[a-z][a-z0-9_]{1,63}\Z")
QUERY = re.compile(r"data(\.[a-z][a-z0-9_]*)+\.(deny|warn)\Z")
TOKEN = re.compile(r'`[^`]*`|#[^\n]*|"(?:[^"\\\n]|\\.)*"')
WITH = re.compile(r"\bwith\s+(input|data)\b")


class Stage(StrEnum):
    """When a policy judges."""

    REQUEST = "request"
    """Before anything is written: the ask."""
    PLAN = "plan"
    """Before anything is changed: Terraform's plan."""


class Level(StrEnum):
    """What a policy's findings do; in ``policy-set.yaml`` the words are written with hyphens."""

    ADVISORY = "advisory"
    """Recorded as a warning."""
    SOFT_MANDATORY = "soft_mandatory"
    """Denies; made to be overridden by a person who is allowed to."""
    HARD_MANDATORY = "hard_mandatory"
    """Denies, whoever asks."""


class PolicySetError(ValueError):
    """The set cannot be used; the text names the file and what is wrong in it."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One rule that counts.

    Attributes:
        id: Permanent snake_case name, as findings and decisions say it.
        title: What it wants, in a person's words.
        stage: When it judges.
        level: What its findings do.
        query: The Rego rule, ``data.<package>.deny`` or ``.warn``; a set of findings.
    """

    id: str
    title: str
    stage: Stage
    level: Level
    query: str


@dataclass(frozen=True, kw_only=True)
class PolicySet:
    """What a folder holds, at the moment when it was read.

    Attributes:
        id: Name of the set.
        version: Counts its releases; raised by whoever changes the set.
        digest: ``sha256:`` and 64 hex digits over manifest and modules; tells two sets of one version apart.
        policies: In the order of the manifest.
        modules: Rego sources by path within the folder; tests are not among them.
    """

    id: str
    version: int
    digest: str
    policies: tuple[Policy, ...]
    modules: Mapping[str, str]


def policy_set_load(folder: Path) -> PolicySet:
    """Read a policy set.

    Raises:
        PolicySetError: A file is missing or unreadable, the manifest is not of the form that docs/policies.md says, or
            a module has what the engine misreads or dies of: an escape in a quoted text, or ``with``.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
        modules = {
            str(path.relative_to(folder)): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*.rego"))
            if not path.name.endswith(TEST_SUFFIX)
        }
        content = yaml.safe_load(manifest)
    except (OSError, UnicodeDecodeError) as error:
        raise PolicySetError(f"The policy set in {folder} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise PolicySetError(f"{folder / MANIFEST} is not YAML: {error}.") from error
    for name, source in modules.items():
        _check_source(folder / name, source)
    try:
        policies = tuple(_policy(entry) for entry in content["policies"])
        name, version = _matching(NAME, content["id"], "id"), int(content["version"])
    except (KeyError, TypeError, ValueError) as error:
        raise PolicySetError(f"{folder / MANIFEST}: {_said(error)}") from error
    if not policies or len({policy.id for policy in policies}) != len(policies):
        raise PolicySetError(f"{folder / MANIFEST}: policies must be listed, each id once.")
    return PolicySet(id=name, version=version, digest=_digest(manifest, modules), policies=policies, modules=modules)


def _policy(entry: dict[str, Any]) -> Policy:
    policy = Policy(
        id=_matching(NAME, entry["id"], "id"),
        title=str(entry["title"]),
        stage=Stage(entry["stage"]),
        level=Level(str(entry["enforcement_level"]).replace("-", "_")),
        query=_matching(QUERY, entry["query"], "query"),
    )
    if policy.query.endswith(".warn") and policy.level is not Level.ADVISORY:
        raise ValueError(f"policy {policy.id} asks for warnings, so its enforcement_level can only be advisory.")
    return policy


def _matching(pattern: re.Pattern[str], value: object, what: str) -> str:
    if not isinstance(value, str) or not pattern.match(value):
        raise ValueError(f"{what} {value!r} must be of the form {pattern.pattern}.")
    return value


def _said(error: Exception) -> str:
    match error:
        case KeyError():
            return f"the key {error} is missing."
        case TypeError():
            return "it is not of the form that docs/policies.md says."
    return str(error)


def _check_source(path: Path, source: str) -> None:
    for token in TOKEN.finditer(source):
        if token[0].startswith('"') and "\\" in token[0]:
            line = source.count("\n", 0, token.start()) + 1
            raise PolicySetError(f"{path}:{line}: write {token[0]} as a raw text, between backticks.")
    if WITH.search(TOKEN.sub("", source)):
        raise PolicySetError(f"{path}: the engine aborts on Rego's with; pass what differs as an argument.")


def _digest(manifest: bytes, modules: Mapping[str, str]) -> str:
    sha = hashlib.sha256()
    for part in (manifest, *(text.encode() for pair in modules.items() for text in pair)):
        sha.update(len(part).to_bytes(8))
        sha.update(part)
    return f"sha256:{sha.hexdigest()}"
