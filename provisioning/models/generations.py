"""What processes may keep of environments, and for how long."""

from platform_api.core.keeping import Generation

ENVIRONMENTS = Generation("environments")
"""Moves with every change of an environment that is there."""
