"""What processes may keep of the catalog, and for how long."""

from platform_api.core.keeping import Generation

CATALOG = Generation("catalog")
"""Moves with every change of offerings, versions, plans and connections."""
