"""A small module with its manifest, for tests that publish: needs no provider, and each part of it can be replaced."""

from pathlib import Path

VARIABLES = """
variable "name" {
  description = "Physical name."
  type        = string
  nullable    = false
}

variable "password_verifier" {
  description = "Verifier of the password."
  type        = string
  nullable    = false
  sensitive   = true
}

variable "size" {
  description = "How many, 1 to 100 pieces."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.size >= 1 && var.size <= 100 && floor(var.size) == var.size
    error_message = "size must be a whole number from 1 to 100."
  }
}

variable "color" {
  description = "Color of the pieces."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["red", "blue"], var.color)
    error_message = "color must be red or blue."
  }
}
"""

MAIN = """
resource "terraform_data" "this" {
  input = { name = var.name, size = var.size, color = var.color }
}
"""

OUTPUTS = """
output "host" {
  description = "Host."
  value       = "localhost"
}

output "username" {
  description = "User."
  value       = var.name
}

output "hint" {
  description = "A secret."
  value       = var.password_verifier
  sensitive   = true
}
"""

MANIFEST = """
format: 1
slug: widget
version: 1.0.0
title: Widget
description: Something to order.
kind: queue
tags: [small, round]
owner: {team: platform, contact: "platform@example.com"}
support:
  level: standard
  hours: Monday to Friday, 08:00 to 18:00 UTC
  objective: {availability_percent: "99.5", first_response_hours: 4}
links: {docs: docs/widget.md, runbook: docs/runbook.md, source: terraform_modules/widget}
connection_kind: postgres
allows_ephemeral: true
timeouts: {plan_seconds: 60, apply_seconds: 300}
stateful_types: [terraform_data]
plans:
  - slug: small
    title: Small
    description: For a few.
    monthly_price: {amount: "9.00", currency: EUR}
    quota_points: 1
    parameters:
      size: {default: 3, maximum: 10}
  - slug: red
    title: Red
    description: For many, all of them red.
    monthly_price: {amount: "90.50", currency: EUR}
    quota_points: 8
    parameters:
      color: {default: red, choices: [red]}
variables:
  user: [size, color]
  platform: {name: physical_name}
credentials:
  verifiers: {password_verifier: scram-sha-256}
  username_output: username
  uri_template: widget://{username}:{password}@{host}
outputs:
  shown: [host, username]
  sensitive: [hint]
"""

README = "# widget\n\nProse.\n\n<!-- BEGIN GENERATED -->\n<!-- END GENERATED -->\n\nMore prose.\n"


def module_write(parent: Path, *, slug: str = "widget", **files: str) -> Path:
    """Write the module into a folder below ``parent`` and return it.

    Args:
        parent: Where.
        slug: Its name, and its folder's.
        files: Contents that differ: ``manifest``, ``variables``, ``outputs``, ``main``.
    """
    folder = parent / slug
    (folder / "tests").mkdir(parents=True, exist_ok=True)
    manifest = files.get("manifest", MANIFEST).replace("slug: widget", f"slug: {slug}")
    for name, content in {
        "offering.yaml": manifest.lstrip(),
        "variables.tf": files.get("variables", VARIABLES).lstrip(),
        "main.tf": files.get("main", MAIN).lstrip(),
        "outputs.tf": files.get("outputs", OUTPUTS).lstrip(),
        "README.md": README,
        "tests/plan.tftest.hcl": "# no part of the packed module\n",
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder
