"""Plan summaries as JSON values: kept with the run, shown as they are kept."""

from typing import Any

from platform_api.terraform.plan import PlanChange, PlanObject, PlanSummary


def plan_summary_json(summary: PlanSummary) -> dict[str, Any]:
    """Return a summary in the API's shape; it holds nothing secret already."""
    return {
        "add": summary.add,
        "change": summary.change,
        "replace": summary.replace,
        "destroy": summary.destroy,
        "objects": [_object(item) for item in summary.objects],
        "drifted": [_object(item) for item in summary.drifted],
    }


def _object(item: PlanObject) -> dict[str, Any]:
    return {
        "address": item.address,
        "type": item.type,
        "action": item.action.value,
        "stateful": item.is_stateful,
        "changes": [_change(change) for change in item.changes],
    }


def _change(change: PlanChange) -> dict[str, Any]:
    return {
        "path": change.path,
        "before": change.before,
        "after": change.after,
        "sensitive": change.is_sensitive,
        "known_after_apply": change.is_known_after_apply,
    }
