"""What judges the parameters of a request: the module's own schema, and what the plan narrows of it."""

from collections.abc import Mapping
from typing import Any

from platform_api.core.judgement import Judge, Schema


def parameters_judge(schema: Schema, *, plan: str, given: Mapping[str, Any], limits: Mapping[str, Schema]) -> Judge:
    """Return the judge of the parameters of requests for one plan.

    Args:
        schema: The version's ``parameters_schema``.
        plan: Slug of the plan.
        given: Parameters that the plan sets itself, so that a request need not.
        limits: JSON Schema by parameter: what the plan narrows.
    """
    return Judge(
        {**schema, "required": [name for name in schema["required"] if name not in given]},
        root="#/parameters",
        narrower={"type": "object", "properties": dict(limits)},
        narrower_is_of=f"plan {plan}",
    )
