"""Ordered resources without HTTP or policy: rows as an accepted ask leaves them, and a worker that plays scripts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from catalog.manifest.reading import candidate_read
from catalog.models import Connection, OfferingVersion, Plan
from catalog.models.connections import ConnectionKind, Tier
from catalog.services.connections import connection_ensure
from catalog.services.publishing import version_publish
from governance.services.quotas import quota_change, quota_reserve_together
from platform_api.core import clock, tracing
from platform_api.core.ids import new_id
from platform_api.process.programs import Program
from platform_api.terraform.spec import Template
from platform_api.terraform.testing import FakeTerraform, Script
from platform_api.terraform.toolchain import Toolchain
from provisioning.models import Environment, ProvisioningRequest, Resource, Run
from provisioning.selectors.quotas import amounts_of, project_facts
from provisioning.services.environments.ensuring import environment_default_ensure
from provisioning.services.execution.claims import LeaseTerms
from provisioning.services.execution.templates import TemplateShelf
from provisioning.services.execution.workers import Worker
from provisioning.services.ordering.naming import physical_name_make
from provisioning.states import Desired, Operation, RequestStatus, ResourceStatus, RunStatus
from tests.modules import module_write
from tests.people import TESTS, People

ADMIN_PASSWORD = "the-admins-password"
OUTPUTS = {"host": "db.example.com", "username": "widget_user"}

NO_TOOLCHAIN = Toolchain(
    program=Program(path=Path("/nowhere/terraform"), version=(1, 11)), configuration=Path("/nowhere/rc"), digest=""
)

_numbers = count(1)


class FakeShelf(TemplateShelf):
    """Templates that a scripted Terraform never opens."""

    def __init__(self) -> None:
        super().__init__(folder=Path("/nowhere"), toolchain=NO_TOOLCHAIN)

    def template_of(self, version: OfferingVersion) -> Template:
        return Template(folder=self.folder, digest=version.digest)


def worker_make(*scripts: Script, client: FakeTerraform | None = None, terms: LeaseTerms | None = None) -> Worker:
    """Make a worker whose Terraform plays these scripts; none at all: everything succeeds.

    Args:
        scripts: One for each run to come; the last one goes on for ever.
        client: A scripted Terraform of the test's own, instead of scripts.
        terms: How long its claims hold.
    """
    return Worker(
        owner=f"tests:{next(_numbers)}",
        client=client or FakeTerraform(*(scripts or [Script(outputs=OUTPUTS)])),
        templates=FakeShelf(),
        terms=terms or LeaseTerms(),
    )


@dataclass
class Orders:
    """Makes what orders leave behind, for project checkout; each row as the service itself would write it.

    Attributes:
        people: Who orders: the project's owner.
        folder: Where the module lies that is published.
    """

    people: People
    folder: Path
    _version: OfferingVersion | None = field(default=None, init=False)

    @property
    def version(self) -> OfferingVersion:
        """The widget, published when it is first ordered."""
        if self._version is None:
            candidate = candidate_read(module_write(self.folder))
            self._version = version_publish(candidate=candidate, caller=TESTS).version
        return self._version

    @property
    def target(self) -> Connection:
        """The server that everything is made on."""
        return connection_ensure(
            slug="main",
            kind=ConnectionKind.POSTGRES,
            tiers=list(Tier),
            endpoint={"host": "db.example.com", "port": 5432},
            credentials={"url": f"postgresql://admin:{ADMIN_PASSWORD}@db.example.com:5432/postgres"},
            caller=TESTS,
        )

    def plan(self, slug: str) -> Plan:
        """One of the widget's plans: ``small`` for 1 point, ``red`` for 8."""
        return Plan.objects.get(version=self.version, slug=slug)

    def provision(self, *, plan: str = "small", name: str | None = None, **columns: Any) -> Run:
        """Order a new resource, and return its pending run.

        Args:
            plan: Slug.
            name: The resource's; a new one by default.
            columns: Columns of the run that differ.
        """
        people, chosen, resource_id = self.people, self.plan(plan), new_id()
        name = name or f"widget-{next(_numbers)}"
        environment_default_ensure(project=people.checkout, name="default")
        environment = Environment.objects.get(project=people.checkout, name="default")
        quota_reserve_together(
            facts=project_facts(people.checkout),
            amounts={resource_id: amounts_of(points=chosen.quota_points, kind=self.version.manifest["kind"])},
            caller=TESTS,
        )
        resource = Resource.objects.create(
            id=resource_id,
            project=people.checkout,
            environment=environment,
            offering_version=self.version,
            plan=chosen,
            connection=self.target,
            name=name,
            kind=self.version.manifest["kind"],
            physical_name=physical_name_make(
                project=people.checkout.slug, environment="default", name=name, resource_id=resource_id
            ),
            status=ResourceStatus.PENDING,
            desired=Desired.PRESENT,
            parameters={"size": 3, "color": "blue"},
            created_by_id=people.owner.user.pk,
            created_by_name="owner",
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        return self._run(resource, Operation.PROVISION, chosen, resource.parameters, columns)

    def update(
        self, resource: Resource, *, plan: str = "red", parameters: Mapping[str, Any] | None = None, **columns: Any
    ) -> Run:
        """Order another plan or other parameters, and return the pending run."""
        chosen = self.plan(plan)
        quota_change(
            facts=project_facts(self.people.checkout),
            subject_id=resource.pk,
            amounts=amounts_of(points=chosen.quota_points, kind=resource.kind),
            caller=TESTS,
            gives_back=False,
        )
        resource.generation += 1
        resource.save(update_fields=["generation"])
        return self._run(resource, Operation.UPDATE, chosen, {**resource.parameters, **(parameters or {})}, columns)

    def rotate(self, resource: Resource, **columns: Any) -> Run:
        """Order new credentials, and return the pending run."""
        resource.generation += 1
        resource.save(update_fields=["generation"])
        return self._run(resource, Operation.ROTATE, resource.plan, resource.parameters, columns)

    def deprovision(self, resource: Resource, **columns: Any) -> Run:
        """Give a resource back, and return the pending run."""
        self.deprovision_ask(resource)
        ask = ProvisioningRequest.objects.get(resource=resource, generation=resource.generation)
        return run_insert(ask, **columns)

    def deprovision_ask(self, resource: Resource) -> ProvisioningRequest:
        """Ask for a resource to go, without a run: what is there while another run is live."""
        resource.generation += 1
        resource.desired = Desired.ABSENT
        resource.save(update_fields=["generation", "desired"])
        return self._ask(resource, Operation.DEPROVISION, resource.plan, resource.parameters)

    def _run(
        self,
        resource: Resource,
        operation: Operation,
        plan: Plan,
        parameters: Mapping[str, Any],
        columns: Mapping[str, Any],
    ) -> Run:
        return run_insert(self._ask(resource, operation, plan, parameters), **columns)

    def _ask(
        self, resource: Resource, operation: Operation, plan: Plan, parameters: Mapping[str, Any]
    ) -> ProvisioningRequest:
        return ProvisioningRequest.objects.create(
            operation=operation,
            status=RequestStatus.FULFILLING,
            project=resource.project,
            environment=resource.environment,
            resource=resource,
            generation=resource.generation,
            offering_version=self.version,
            plan=plan,
            parameters=dict(parameters),
            reason="",
            requested_by_id=self.people.owner.user.pk,
            requested_by_name="owner",
            requested_by_kind="human",
            quota=[],
            decisions=[],
            correlation_id=f"ask-{resource.pk.hex[-8:]}-{resource.generation}",
            traceparent=tracing.traceparent(),
            created_at=clock.now(),
        )


def run_insert(ask: ProvisioningRequest, **columns: Any) -> Run:
    """Make the pending run of an ask.

    Args:
        ask: What it is for.
        columns: Columns that differ from those of an ordinary run.
    """
    return Run.objects.create(
        **{
            "resource": ask.resource,
            "provisioning_request": ask,
            "project": ask.project,
            "operation": ask.operation,
            "status": RunStatus.PENDING,
            "generation": ask.generation,
            "offering_version": ask.offering_version,
            "plan": ask.plan,
            "parameters": ask.parameters,
            "not_before": clock.now(),
            "correlation_id": ask.correlation_id,
            "traceparent": ask.traceparent,
            "created_at": clock.now(),
            **columns,
        }
    )


def run_of(run_id: UUID) -> Run:
    """Return a run as it stands now, with all that tests look at."""
    return Run.objects.select_related("resource__plan", "provisioning_request").get(pk=run_id)
