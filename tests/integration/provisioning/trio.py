"""A composed offering to order: ``db`` first, ``reports`` is told of it, ``archive`` is told of reports."""

from pathlib import Path
from typing import Any

from catalog.manifest.composing import composed_read
from catalog.services.composing import composed_publish
from platform_api.core.ids import Prefix, parse
from provisioning.models import Environment, Resource, Run
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_failed
from provisioning.states import LIVE_RUN, RunStatus
from tests.compositions import COMPOSED, composed_write
from tests.integration.provisioning.house import (
    House,
    begin_apply,
    body_of,
    carry_out,
    claim,
    prepare,
    resource_of,
)
from tests.people import TESTS, Person

PREVIEW = "/api/v1/projects/checkout/environments/pr-142"
NAMES = ("db", "reports", "archive")
TOGETHER = (7, 3)
"""Points and databases that a trio takes of quotas."""

DIAMOND = COMPOSED.replace("slug: trio", "slug: diamond").replace(
    "      connection_limit: parameters.connections\n      statement_timeout_seconds: db.outputs.port\n",
    "      connection_limit: parameters.connections\n",
)
DIAMOND = DIAMOND.replace(
    "statement_timeout_seconds: reports.outputs.port",
    "statement_timeout_seconds: reports.outputs.port\n      connection_limit: db.outputs.port",
)
"""``archive`` is told of ``db`` and of ``reports``, which know nothing of each other."""

BROKEN = RunFailure(code="terraform_failed", kind="permanent", detail="The server said no.", remedy="Look at the log.")


def publish(scratch: Path, *, slug: str = "trio", manifest: str = COMPOSED) -> None:
    """Publish it, or a variant."""
    folder = composed_write(scratch, slug=slug, manifest=manifest)
    composed_publish(candidate=composed_read(folder), caller=TESTS)


def put(house: House, address: str = PREVIEW, *, by: Person | None = None, **body: Any) -> Any:
    """Order it; members that are None are left out."""
    ask = {"offering": "trio", "reason": "Pull request 142", **body}
    ask = {name: value for name, value in ask.items() if value is not None}
    return (by or house.owner).client.put(address, ask, format="json")


def ordered(house: House, **body: Any) -> str:
    """Order it, and return the environment's id as the API shows it."""
    answer = put(house, **body)
    assert answer.status_code == 202, answer.content
    return str(body_of(answer)["id"])


def look(house: House, shown: str) -> dict[str, Any]:
    """Return it as its owner sees it."""
    return body_of(house.owner.client.get(f"/api/v1/environments/{shown}"))


def delete(house: House, address: str = PREVIEW, *, confirm: str = "pr-142", by: Person | None = None) -> Any:
    """Give it back."""
    return (by or house.owner).client.delete(f"{address}?confirm={confirm}")


def row(shown: str) -> Environment:
    """Return its row."""
    return Environment.objects.get(pk=parse(Prefix.ENVIRONMENT, shown))


def part(house: House, shown: str, name: str) -> Resource:
    """Return the resource of a component as it stands now."""
    (found,) = [each for each in look(house, shown)["components"] if each["name"] == name]
    return resource_of(found["resource"])


def make(house: House, shown: str, *names: str) -> None:
    """Let components be made, one after the other."""
    for name in names or NAMES:
        carry_out(part(house, shown, name), port=60)


def fail(resource: Resource, *, has_applied: bool = False, objects_left: tuple[str, ...] = ()) -> None:
    """Let the resource's waiting run fail."""
    claimed = claim(resource)
    prepare(claimed)
    if has_applied:
        begin_apply(claimed)
    failure = RunFailure(
        code=BROKEN.code, kind=BROKEN.kind, detail=BROKEN.detail, remedy=BROKEN.remedy, objects_left=objects_left
    )
    run_failed(claimed, failure, has_applied=has_applied)


def running(shown: str) -> list[tuple[str, str]]:
    """Return what runs wait or work, by component."""
    runs = Run.objects.filter(resource__environment=row(shown), status__in=LIVE_RUN)
    return sorted(runs.values_list("resource__name", "operation"))


def statuses(house: House, shown: str) -> dict[str, str]:
    """Return where the components stand."""
    return {each["name"]: each["status"] for each in look(house, shown)["components"]}


def history(shown: str) -> list[tuple[str, str]]:
    """Return what runs were carried out, in order."""
    runs = Run.objects.filter(resource__environment=row(shown), status=RunStatus.APPLIED)
    return list(runs.order_by("finished_at").values_list("operation", "resource__name"))
