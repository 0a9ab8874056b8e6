"""What the audit trail has kept of the journey."""

from typing import Any

from platform_api.embedded.demo.stage import Stage


def trail_show(stage: Stage, request: dict[str, Any]) -> None:
    """Print who did what, when, with what outcome, and compare it with what was done.

    Args:
        stage: Where the demo plays.
        request: The first order; its story is also a page of the admin site.
    """
    events = [
        event
        for exchange in stage.exchanges
        for event in sorted(stage.api.rows(f"/api/v1/audit-events?correlation_id={exchange}"), key=_time)
    ]
    stage.display.table([("WHEN (UTC)", "WHO", "WHAT", "TO WHAT", "OUTCOME", "WHY"), *map(_row, events)])
    told = [event for event in events if event["correlation_id"] == stage.exchanges[0]]
    story = [(event["actor"]["name"], event["action"], event["outcome"]) for event in (*told[:1], *told[-1:])]
    expected = [(stage.username, "request.submitted", "succeeded"), ("worker", "request.completed", "succeeded")]
    stage.see("the order's story begins with who asked and ends with its completion", expected=expected, came=story)
    revealed = {event["actor"]["name"] for event in events if event["action"] == "credentials.revealed"}
    stage.see("it says who was shown credentials", expected={stage.username}, came=revealed)
    refused = [event["code"] for event in events if event["outcome"] == "refused"]
    stage.see("every refusal is in the trail", expected=stage.refusals, came=refused)
    stage.display.say("For who may see the admin site, the whole story of the first order is one page:")
    stage.display.say(stage.story_url(request["id"]))


def _time(event: dict[str, Any]) -> str:
    return str(event["at"])


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    what = event["object"]
    return (
        event["at"][11:23],
        event["actor"]["name"],
        event["action"],
        what["name"],
        event["outcome"],
        event["code"] or event["reason"] or "",
    )
