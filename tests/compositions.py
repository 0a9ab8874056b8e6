"""A composed offering for tests: databases that are wired together, and each part of the manifest can be replaced."""

from pathlib import Path

COMPOSED = """
format: 1
slug: trio
version: 1.0.0
title: Three databases
description: A database, a second one that is told of it, and a third that is told of the second.
kind: environment
tags: [preview]
owner: {team: platform, contact: "platform@example.com"}
support:
  level: standard
  hours: Monday to Friday, 08:00 to 18:00 UTC
  objective: {availability_percent: "99.5", first_response_hours: 4}
links: {docs: docs/trio.md, runbook: docs/runbook.md, source: terraform_modules/trio}
tier: development
expiry: {default_seconds: 3600, maximum_seconds: 86400}
parameters:
  connections:
    type: integer
    description: Most connections to each.
    default: 5
components:
  - name: archive
    offering: postgres-database
    version: 1.0.0
    plan: medium
    wiring:
      statement_timeout_seconds: reports.outputs.port
  - name: db
    offering: postgres-database
    version: 1.0.0
    plan: small
    parameters: {statement_timeout_seconds: 30}
    wiring:
      connection_limit: parameters.connections
  - name: reports
    offering: postgres-database
    version: 1.0.0
    plan: medium
    wiring:
      connection_limit: parameters.connections
      statement_timeout_seconds: db.outputs.port
"""


PAIR = (
    COMPOSED[: COMPOSED.index("parameters:")].replace("slug: trio", "slug: pair")
    + """
parameters:
  color: {type: string, description: Color of all., default: red}
components:
  - name: second
    offering: widget
    version: 1.0.0
    plan: small
    parameters: {size: 4}
    wiring: {color: first.outputs.host}
  - name: first
    offering: widget
    version: 1.0.0
    plan: red
    wiring: {color: parameters.color}
""".lstrip()
)
"""Widgets of ``tests.modules``, of which the second is told of the first."""


def composed_write(parent: Path, *, slug: str = "trio", manifest: str = COMPOSED) -> Path:
    """Write a composed offering into a folder below ``parent`` and return it."""
    folder = parent / slug
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "offering.yaml").write_text(manifest.replace("slug: trio", f"slug: {slug}").lstrip(), encoding="utf-8")
    return folder
