"""Where Terraform looks for this provider, and which version of it this checkout is."""

VERSION = "1.1.0"
"""Semantic version: types and attributes are the interface, and modules bound it from both sides."""

SOURCE = "provider.slipway.internal/slipway/fleet"
"""Source address in a module's ``required_providers``, in lock files and in ``TF_REATTACH_PROVIDERS``.

The host is our own, so Terraform and OpenTofu, whose default registries differ, read the same full address;
it is never contacted, since the provider is installed from a filesystem mirror only.
"""

PREFIX = "fleet_"
"""What the name of each resource type begins with."""

CREDENTIALS_FILE_VARIABLE = "SLIPWAY_FLEET_CREDENTIALS_FILE"
"""Environment variable that names the 0600 JSON file of admin credentials; read in launched mode only."""
