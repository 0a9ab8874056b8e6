"""What processes may keep of tenancy, and for how long."""

from platform_api.core.keeping import Generation

TENANCY = Generation("tenancy")
"""Moves with every change of users, groups' members, teams, projects, roles, and of tokens but for their last use."""
