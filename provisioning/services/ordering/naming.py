"""Physical names: what a resource is called on its target; computed once, stored, never computed again."""

import hashlib
import re
from uuid import UUID

from provisioning.models.resources import PHYSICAL_NAME_LENGTH

_HASH_LENGTH = 8
"""32 bits: two cut names of one target collide once in about 65 000, and then the unique constraint says so."""


def physical_name_make(*, project: str, environment: str, name: str, resource_id: UUID) -> str:
    """Return project, environment and name joined by underscores, with a hash where that is cut or ambiguous.

    Hyphens become underscores, which could make two names one (``a-b`` and ``a`` in ``b``); so could cutting. A short
    hash of the resource's id, appended always, rules both out, and lets a name be used again after a deprovision
    whose database is kept elsewhere under its old name. ``pg_`` is PostgreSQL's own beginning; ``x_`` goes before it.

    Args:
        project: Slug.
        environment: Name.
        name: The resource's name.
        resource_id: Its id.
    """
    readable = re.sub(r"[^a-z0-9]+", "_", f"{project}_{environment}_{name}")
    if readable.startswith("pg_"):
        readable = f"x_{readable}"
    mark = hashlib.sha256(resource_id.bytes).hexdigest()[:_HASH_LENGTH]
    return f"{readable[: PHYSICAL_NAME_LENGTH - _HASH_LENGTH - 1].rstrip('_')}_{mark}"
