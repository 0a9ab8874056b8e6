"""How the API comes to a team's rows: by selectors that begin with the caller, and in no other way."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from platform_api.core.migrations import ScopedRows

ROOT = Path(__file__).resolve().parents[3]
ROOMS = (
    "catalog",
    "governance",
    "provisioning",
    "platform_api/audit",
    "platform_api/idempotency",
    "platform_api/tenancy",
)
MANAGERS = {"objects", "_default_manager", "_base_manager"}

EVERYBODYS = {
    "caller_of_token": "recognizes a token, before there is a caller",
    "credentials_told": "what is told of credentials, for whoever has the resource",
    "decisions_about": "page of an overseer",
    "deprovisions_live": "sweep of the platform, and what services ask of a resource at hand",
    "environments_listed": "lists of overseers; environments_visible narrows it",
    "environments_told": "lists of overseers; environments_visible narrows it",
    "events_about": "page of an overseer",
    "events_of_story": "page of an overseer",
    "events_readable": "narrowed by audit_scope, which takes the caller",
    "project_named": "narrows lists of the API, which begin with the caller",
    "lines_of": "the doctor, a command of the platform",
    "quota_reconcile": "command of the platform",
    "requests_listed": "lists of overseers",
    "requests_unbegun": "the doctor, a command of the platform",
    "resources_listed": "lists of overseers",
    "run_id_known": "the doctor, a command of the platform",
    "run_is_final": "the doctor, a command of the platform",
    "run_log": "page of an overseer",
    "runs_told": "lists of overseers",
    "runs_unfinished": "the doctor, a command of the platform",
    "trust_rule_for": "recognizes a CI job, before there is a caller",
    "_lines_after": "lines of a run that log_lines_after is given",
    "_shown": "what of tokens is ever shown; tokens_visible narrows it",
    "_holdings_statement": "holdings of a subject whose quotas a service has locked",
}
"""Selectors that begin with neither a caller nor a thing that a caller was shown, and whom they serve."""

NARROWED = {"events_readable", "project_named"}
"""Those of them that the API may ask all the same: what it hands over, or narrows with it, comes from the caller."""


def tenant_models() -> set[str]:
    """Return the names of models whose tables PostgreSQL shows by scope."""
    migrations = MigrationLoader(None).disk_migrations.values()
    scoped = {each.table for migration in migrations for each in migration.operations if isinstance(each, ScopedRows)}
    return {model.__name__ for model in apps.get_models() if model._meta.db_table in scoped}


@dataclass(frozen=True)
class Use:
    """A function that asks a manager of a tenant's model."""

    room: str
    function: ast.FunctionDef
    model: str


def parsed(room: str) -> Iterator[tuple[str, ast.Module]]:
    """Return every file of the rooms of this name."""
    for app in ROOMS:
        for file in (ROOT / app / room).rglob("*.py"):
            yield str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))


def uses(room: str) -> Iterator[Use]:
    """Find every function of the rooms of this name that asks a manager of a tenant's model."""
    models = tenant_models()
    for name, tree in parsed(room):
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    asked = node.value if isinstance(node, ast.Attribute) and node.attr in MANAGERS else None
                    if isinstance(asked, ast.Name) and asked.id in models:
                        yield Use(name, function, asked.id)


def begins_with_somebody(function: ast.FunctionDef) -> bool:
    """Tell whether a function takes the caller, what one sees, or a thing that one was shown."""
    given = [each for each in (*function.args.args, *function.args.kwonlyargs) if each.annotation is not None]
    return any(ast.unparse(each.annotation or each) in {"Caller", "Sight", *tenant_models()} for each in given)


def test_views_ask_selectors_and_no_managers() -> None:
    assert [(use.room, use.function.name, use.model) for use in uses("api")] == []


def test_every_selector_begins_with_the_caller_or_says_whom_else_it_serves() -> None:
    others = {use.function.name for use in uses("selectors") if not begins_with_somebody(use.function)}
    assert others == EVERYBODYS.keys()


def test_views_never_ask_for_everybodys_rows() -> None:
    for name, tree in parsed("api"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and ".selectors" in (node.module or ""):
                assert not {each.name for each in node.names} & (EVERYBODYS.keys() - NARROWED), name


def test_this_finds_what_it_looks_for() -> None:
    assert {"Project", "Resource", "Run", "LogLine", "ApiToken", "AuditEvent", "Quota"} <= tenant_models()
    assert {"resources_seen", "projects_in_sight"} & {use.function.name for use in uses("selectors")}
