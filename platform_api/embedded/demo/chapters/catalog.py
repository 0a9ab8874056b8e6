"""What can be ordered."""

from typing import Any

from platform_api.embedded.demo.stage import PREVIEW_ENVIRONMENT, Stage

_EXPECTED = {slug: ["small", "medium", "large"] for slug in ("postgres-database", "valkey-queue", "valkey-cache")}


def catalog_show(stage: Stage) -> None:
    """Show the catalog, and see that what the demo orders is in it."""
    answer = stage.ask("GET", "/api/v1/offerings", status=200)
    for offering in answer.body["results"]:
        stage.display.say(f"{offering['slug']} {offering['version']}  {offering['title']}: {offering['description']}")
        if offering["components"]:
            stage.display.table([("  COMPONENT", "OFFERING", "PLAN"), *map(_component_row, offering["components"])])
        else:
            stage.display.table([("  PLAN", "A MONTH", "POINTS", "FOR"), *map(_plan_row, offering["plans"])])
    plans = {row["slug"]: [plan["slug"] for plan in row["plans"]] for row in answer.body["results"]}
    stage.see(
        "a database, a queue and a cache can be ordered, each in three plans",
        expected=_EXPECTED,
        came={slug: plans.get(slug) for slug in _EXPECTED},
    )
    kinds = {row["slug"]: row["kind"] for row in answer.body["results"]}
    stage.see("and a preview environment as a whole", expected="environment", came=kinds.get(PREVIEW_ENVIRONMENT))


def _plan_row(plan: dict[str, Any]) -> tuple[str, str, str, str]:
    monthly = plan["cost"]["monthly"]
    return (f"  {plan['slug']}", f"{monthly['amount']} {monthly['currency']}", str(plan["points"]), plan["description"])


def _component_row(component: dict[str, Any]) -> tuple[str, str, str]:
    return (f"  {component['name']}", component["offering"], component["plan"])
