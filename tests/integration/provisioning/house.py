"""A house to order in: people, a catalog, a connection, something ready for each of two teams, and ways to ask."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.http import HttpResponse

from catalog.manifest.reading import candidate_read
from catalog.models import OfferingVersion
from catalog.models.connections import ConnectionKind
from catalog.models.connections import Tier as ConnectionTier
from catalog.models.offerings import Availability
from catalog.services.connections import connection_ensure
from catalog.services.publishing import version_publish
from catalog.services.retirement import plan_retire, version_retire
from governance.models import Quota
from platform_api.core.ids import Prefix, parse, show
from provisioning.models import Resource, Run
from provisioning.models.environments import Tier
from provisioning.services.environments.ensuring import environment_default_ensure, environment_ensure
from provisioning.services.execution.claims import Claim, LeaseTerms, run_claim, run_move
from provisioning.services.execution.credentials import RunCredentials, credentials_ensure, credentials_try
from provisioning.services.execution.outcomes import run_applied
from provisioning.states import LIVE_RUN, RunStatus
from tests import databases
from tests.modules import MANIFEST, module_write
from tests.people import TESTS, People, Person

MODULES = Path(__file__).resolve().parents[3] / "terraform_modules"

ASK = {
    "operation": "provision",
    "offering": "postgres-database",
    "plan": "small",
    "project": "checkout",
    "environment": "staging",
    "name": "invoices",
    "parameters": {"connection_limit": 10},
    "reason": "Own store for the invoices service",
    "ticket": "SHOP-142",
}

OUTPUTS = {"host": "127.0.0.1", "port": 5432, "database": "checkout_orders", "username": "checkout_orders"}


def ask(**changes: Any) -> dict[str, Any]:
    """Return a sound ask with some of its fields replaced; one that is changed to None is left out."""
    return {name: value for name, value in {**ASK, **changes}.items() if value is not None}


@dataclass(frozen=True)
class House:
    """What a test finds; ids are those that the API shows.

    Attributes:
        database: Name of the database.
        people: Who there is.
        orders: A ready database of project checkout in staging, ordered by the owner.
        spied: One of the rivals' project spy.
    """

    database: str
    people: People
    orders: str
    spied: str

    @property
    def owner(self) -> Person:
        """Who orders unless a test says otherwise."""
        return self.people.owner

    def post(
        self, address: str, body: object = None, *, by: Person | None = None, key: str | None = None
    ) -> HttpResponse:
        """Call a route with POST."""
        headers = {} if key is None else {"Idempotency-Key": f'"{key}"'}
        answer = (by or self.owner).client.post(f"/api/v1/{address}", body, format="json", headers=headers)
        return cast("HttpResponse", answer)

    def order(self, *, by: Person | None = None, key: str | None = None, **changes: Any) -> HttpResponse:
        """Ask for a new resource."""
        return self.post("requests", ask(**changes), by=by, key=key)

    def ordered(self, **changes: Any) -> Resource:
        """Return a resource that was ordered just now; its run waits."""
        answer = self.order(**changes)
        assert answer.status_code == 202, answer.content
        return resource_of(body_of(answer)["resource"]["id"])

    def change(
        self,
        operation: str,
        resource: str | None = None,
        *,
        by: Person | None = None,
        key: str | None = None,
        **body: Any,
    ) -> HttpResponse:
        """Ask for a change of a resource; of ``orders`` unless one is named."""
        return self.post(
            "requests", {"operation": operation, "resource": resource or self.orders, **body}, by=by, key=key
        )


def body_of(answer: HttpResponse) -> dict[str, Any]:
    """Return an answer's JSON."""
    return cast("dict[str, Any]", answer.json())  # type: ignore[attr-defined]  # Django's test client adds it


def resource_of(shown: str) -> Resource:
    """Return a resource as it stands now."""
    return Resource.objects.get(pk=parse(Prefix.RESOURCE, shown))


def run_of(resource: Resource) -> Run:
    """Return the run that is live on a resource."""
    return Run.objects.get(resource=resource, status__in=LIVE_RUN)


def shown(resource: Resource) -> str:
    """Return a resource's id as the API shows it."""
    return show(Prefix.RESOURCE, resource.pk)


def claim(resource: Resource) -> Claim:
    """Take the resource's waiting run, as a worker does."""
    run = run_of(resource)
    claimed = run_claim(owner="tests", pools=["default"], terms=LeaseTerms(), plan_seconds=60, run_id=run.pk)
    assert claimed is not None
    return claimed


def prepare(claimed: Claim) -> RunCredentials:
    """Get a claimed run's credentials ready, as its worker does first."""
    run = Run.objects.select_related("offering_version").get(pk=claimed.run_id)
    return credentials_ensure(claimed, manifest=run.offering_version.manifest)


def begin_apply(claimed: Claim) -> None:
    """Bring a claimed run to its apply."""
    for status in (RunStatus.PLANNED, RunStatus.CONFIRMED, RunStatus.APPLYING):
        run_move(claimed, status)
    credentials_try(claimed)


def carry_out(resource: Resource, **outputs: Any) -> RunCredentials:
    """Let the resource's waiting run be applied, without Terraform; returns the credentials that it put in place.

    Args:
        resource: Whose run.
        outputs: Outputs that differ.
    """
    return _apply(claim(resource), outputs)


def apply_next(*, owner: str, **outputs: Any) -> bool:
    """Let whatever run waits be applied likewise; tells whether there was one.

    Args:
        owner: Who the worker is.
        outputs: Outputs that differ.
    """
    claimed = run_claim(owner=owner, pools=["default"], terms=LeaseTerms(), plan_seconds=60)
    if claimed is not None:
        _apply(claimed, outputs)
    return claimed is not None


def _apply(claimed: Claim, outputs: dict[str, Any]) -> RunCredentials:
    credentials = prepare(claimed)
    begin_apply(claimed)
    run_applied(claimed, status=RunStatus.APPLIED, outputs={**OUTPUTS, **outputs})
    return credentials


def quota(scope: str = "project:checkout", kind: str = "points") -> tuple[int, int]:
    """Return what is reserved and what is used."""
    row = Quota.objects.get(scope_name=scope, kind=kind)
    return row.reserved, row.used


def contents() -> dict[str, str]:
    """Return a digest of every table but the audit trail and what a token notes of its use."""
    return databases.contents(without={"audit_event", "api_token"})


def _publish(folder: Path) -> OfferingVersion:
    return version_publish(candidate=candidate_read(folder), caller=TESTS).version


def _publish_catalog(scratch: Path) -> None:
    """Publish the database, a widget with something retired of each kind, and an offering that is retired."""
    _publish(MODULES / "postgres-database")
    version_retire(version=_publish(module_write(scratch / "1")), caller=TESTS)
    newer = _publish(module_write(scratch / "2", manifest=MANIFEST.replace("version: 1.0.0", "version: 1.1.0")))
    plan_retire(plan=newer.plans.get(slug="red"), caller=TESTS)
    gone = _publish(module_write(scratch / "3", slug="gadget")).offering
    gone.status = Availability.RETIRED
    gone.save(update_fields=["status"])


def furnish(database: str, scratch: Path) -> House:
    """Fill the database that is connected to, and return what is in it.

    Args:
        database: Its name.
        scratch: A folder for modules that are written to be published.
    """
    people = People()
    for name in ("owner", "teammate", "viewer", "lead", "approver", "stranger", "auditor", "admin"):
        getattr(people, name)
    _publish_catalog(scratch)
    connection_ensure(
        slug="main",
        kind=ConnectionKind.POSTGRES,
        tiers=list(ConnectionTier),
        endpoint={"host": "127.0.0.1", "port": 5432},
        credentials={"url": "postgresql://admin:unused@127.0.0.1:1/postgres"},
        caller=TESTS,
    )
    for name, tier in (("staging", Tier.STAGING), ("live", Tier.PRODUCTION)):
        environment_ensure(project=people.checkout, name=name, tier=tier, expires_at=None, caller=people.lead.caller)
    for project in (people.checkout, people.spy):
        environment_default_ensure(project=project, name="default")
    house = House(database=database, people=people, orders="", spied="")
    orders = house.ordered(name="orders")
    spied = house.ordered(by=people.stranger, project="spy", environment="default", name="spied")
    carry_out(orders)
    carry_out(spied)
    return House(database=database, people=people, orders=shown(orders), spied=shown(spied))
