"""A plan as people and policies see it: what happens to which object, without anything secret."""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from platform_api.core.errors import FaultError
from platform_api.terraform.redaction import Redactor

_DEEPEST = 16  # levels of one attribute that are compared one by one; what is below is one value
_MISSING = object()


class PlanUnreadableError(FaultError):
    """The plan's JSON is not of the form that we know, so nobody can judge it and it is not applied."""

    code = "terraform_plan_unreadable"
    title = "Terraform's plan could not be read"
    remedy = "Ask the platform's operators; the version of Terraform may be one that Slipway does not know."


class PlanAction(StrEnum):
    """What is done to an object."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"  # destroyed and made anew, in either order: what it holds is lost
    DESTROY = "destroy"
    FORGET = "forget"  # left as it is, and no longer managed


_ACTIONS: dict[tuple[str, ...], PlanAction | None] = {
    ("no-op",): None,
    ("read",): None,
    ("create",): PlanAction.CREATE,
    ("update",): PlanAction.UPDATE,
    ("delete", "create"): PlanAction.REPLACE,
    ("create", "delete"): PlanAction.REPLACE,
    ("delete",): PlanAction.DESTROY,
    ("forget",): PlanAction.FORGET,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanChange:
    """One attribute that changes."""

    path: str
    """``connection_limit``, ``tags.owner`` or ``rules[0].port``."""

    before: Any
    """JSON value; None where there is none yet, and where it is sensitive."""

    after: Any
    """JSON value; None where it goes away, is known only after the apply, or is sensitive."""

    is_sensitive: bool = False
    is_known_after_apply: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanObject:
    """One object that changes."""

    address: str
    type: str
    action: PlanAction
    is_stateful: bool
    """Whether it holds data, by the offering's word."""

    changes: tuple[PlanChange, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanSummary:
    """What a plan would do; holds nothing secret."""

    objects: tuple[PlanObject, ...]

    drifted: tuple[PlanObject, ...]
    """Objects that were changed from outside since the last apply, each with how it was changed; its action is
    ``update`` or ``destroy``."""

    is_empty: bool
    """Whether an apply would do nothing at all, outputs included."""

    @property
    def add(self) -> int:
        """Objects that are made where none was."""
        return self._count(PlanAction.CREATE)

    @property
    def change(self) -> int:
        """Objects that are changed in place."""
        return self._count(PlanAction.UPDATE)

    @property
    def replace(self) -> int:
        """Objects that are destroyed and made anew."""
        return self._count(PlanAction.REPLACE)

    @property
    def destroy(self) -> int:
        """Objects that are destroyed for good."""
        return self._count(PlanAction.DESTROY)

    @property
    def loses_data(self) -> bool:
        """Whether an object that holds data is replaced or destroyed."""
        lost = {PlanAction.REPLACE, PlanAction.DESTROY}
        return any(item.is_stateful and item.action in lost for item in self.objects)

    @property
    def steps(self) -> int:
        """Actions that an apply reports as it goes: a replacement is two."""
        return sum(1 + (item.action is PlanAction.REPLACE) for item in self.objects)

    def _count(self, action: PlanAction) -> int:
        return sum(item.action is action for item in self.objects)


def plan_document(output: bytes) -> dict[str, Any]:
    """Find the plan in what ``terraform show -json`` wrote.

    Warnings may stand before it, since both of the command's streams go to one file.

    Raises:
        PlanUnreadableError: There is none.
    """
    for line in output.splitlines():
        if line.startswith(b"{"):
            try:
                document = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict) and "format_version" in document:
                return document
    raise PlanUnreadableError("Terraform showed no plan.")


def plan_digest(document: dict[str, Any]) -> str:
    """Name a plan by its content, so that an approval can be bound to it.

    The form is the whole document of ``terraform show -json``, values and Terraform's time of planning included, as
    UTF-8 JSON with sorted keys and no blanks. All of it stands in the plan's file, so each show of the same file
    gives the same digest, and two plans never share one.

    Returns:
        ``sha256:`` and 64 hexadecimal digits. It tells nothing of the values: the time and the salted secrets in
        it cannot be guessed together.
    """
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def plan_summarize(document: dict[str, Any], *, stateful_types: Collection[str], redactor: Redactor) -> PlanSummary:
    """Reduce a plan to what may be shown.

    A value is left out where Terraform marks it as sensitive, and where it holds a text of a sensitive variable (of
    4 characters or more): providers hand such values on unmarked. What remains passes the redactor.

    Args:
        document: What ``terraform show -json`` gives for a plan.
        stateful_types: Types of objects that hold data.
        redactor: Knows the run's secrets.

    Raises:
        PlanUnreadableError: The document is not of the form that we know.
    """
    try:
        reader = _Reader(document, frozenset(stateful_types), redactor)
        objects = tuple(reader.objects("resource_changes"))
        applyable = document.get("applyable")
        is_empty = not applyable if isinstance(applyable, bool) else not objects and not _changes_outputs(document)
        return PlanSummary(objects=objects, drifted=tuple(reader.objects("resource_drift")), is_empty=is_empty)
    except (AttributeError, KeyError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise PlanUnreadableError(f"The plan is not of the form that we know ({type(error).__name__}).") from None


class _Reader:
    """Reads the lists of changed objects of one plan."""

    def __init__(self, document: dict[str, Any], stateful_types: frozenset[str], redactor: Redactor) -> None:
        self._document = document
        self._stateful_types = stateful_types
        self._redactor = redactor
        self._hidden = Redactor(_sensitive_values(document))

    def objects(self, name: str) -> Iterator[PlanObject]:
        for item in self._document.get(name, []):
            action = _ACTIONS[tuple(item["change"]["actions"])]
            if item["mode"] != "managed" or action is None:
                continue
            yield PlanObject(
                address=self._redactor.text(item["address"]),
                type=self._redactor.text(item["type"]),
                action=action,
                is_stateful=item["type"] in self._stateful_types,
                changes=tuple(self._changes(item["change"])),
            )

    def _changes(self, change: dict[str, Any]) -> Iterator[PlanChange]:
        sides = (change["before"], change["after"], change.get("after_unknown", False))
        masks = (change.get("before_sensitive", False), change.get("after_sensitive", False))
        for path, before, after, unknown, is_marked in _differences("", sides, masks, 0):
            is_known_after_apply = bool(unknown) and _is_marked(unknown)
            is_sensitive = is_marked or self._hidden.holds_secret([before, after])
            yield PlanChange(
                path=self._redactor.text(path),
                before=None if is_sensitive else self._redactor.value(before),
                after=None if is_sensitive else self._redactor.value(after),
                is_sensitive=is_sensitive,
                is_known_after_apply=is_known_after_apply,
            )


def _differences(
    path: str, sides: tuple[Any, Any, Any], masks: tuple[Any, Any], depth: int
) -> Iterator[tuple[str, Any, Any, Any, bool]]:
    """Walk two values, what is unknown of the second, and the marks of both; give each leaf that differs."""
    before, after, unknown = sides
    if depth and before == after and not _is_marked(unknown):
        return
    keys = _keys(before, after, unknown)
    if depth < _DEEPEST and True not in (*masks, unknown) and (keys or not depth):
        for key in keys:
            child = tuple(_child(value, key) for value in sides)
            marks = tuple(_child(mask, key) or False for mask in masks)
            yield from _differences(_join(path, key), (child[0], child[1], child[2]), (marks[0], marks[1]), depth + 1)
        return
    yield path, before, after, unknown, any(map(_is_marked, masks))


def _keys(*values: Any) -> list[str | int]:
    """The keys or positions of several values together, in a stable order."""
    names = {key for value in values if isinstance(value, dict) for key in value}
    length = max((len(value) for value in values if isinstance(value, list)), default=0)
    return [*sorted(names), *range(length)]


def _child(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(key) if isinstance(key, str) else None
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return None


def _join(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _is_marked(mask: Any) -> bool:
    """Whether a mask marks anything, at any depth."""
    if isinstance(mask, dict):
        return any(map(_is_marked, mask.values()))
    if isinstance(mask, list):
        return any(map(_is_marked, mask))
    return mask is True


def _changes_outputs(document: dict[str, Any]) -> bool:
    return any(output["actions"] != ["no-op"] for output in document.get("output_changes", {}).values())


def _sensitive_values(document: dict[str, Any]) -> Iterator[str]:
    """Give every text in the values of the root module's sensitive variables."""
    described = document.get("configuration", {}).get("root_module", {}).get("variables", {})
    for name, variable in document.get("variables", {}).items():
        if described.get(name, {}).get("sensitive", False):
            yield from _texts(variable.get("value"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
