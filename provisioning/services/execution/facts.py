"""What a worker needs to know to carry out a claimed run, read once at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.models import OfferingVersion
from catalog.services.connections import connection_credentials
from platform_api.core.ids import Prefix, show
from platform_api.terraform.spec import RunSpec, Template
from provisioning.models import Resource, Run
from provisioning.services.execution.adoption import is_in_doubt
from provisioning.services.execution.claims import Claim
from provisioning.services.execution.credentials import RunCredentials
from provisioning.services.execution.records import state_newest
from provisioning.states import Operation, ResourceStatus


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """One run with all that it is about.

    Attributes:
        run: The claimed run.
        resource: What it is for.
        version: The offering's revision that the run is pinned to.
        admin: Admin credentials of the target; secret.
        prior_state: Newest kept state; None before the first apply. Holds secrets.
    """

    run: Run
    resource: Resource
    version: OfferingVersion
    admin: Mapping[str, Any] = field(repr=False)
    prior_state: bytes | None = field(repr=False)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The offering's manifest, as it was published."""
        manifest: Mapping[str, Any] = self.version.manifest
        return manifest

    @property
    def is_gone(self) -> bool:
        """Whether the resource was deprovisioned before: what a late worker made of it is looked for."""
        return self.resource.status == ResourceStatus.DEPROVISIONED

    @property
    def takes_down(self) -> bool:
        """Whether the run takes everything down."""
        return self.run.operation == Operation.DEPROVISION or self.is_gone

    @property
    def is_in_doubt(self) -> bool:
        """Whether more may exist than any state tells of, so that a run which takes down must take it over first."""
        return self.is_gone or (self.takes_down and is_in_doubt(self.resource.pk))

    @property
    def timeouts(self) -> Mapping[str, int]:
        """Seconds that a plan and an apply may take."""
        timeouts: Mapping[str, int] = self.manifest["timeouts"]
        return timeouts


def run_facts(claim: Claim) -> RunFacts:
    """Read what a claimed run is about."""
    run = Run.objects.select_related(
        "resource__project", "resource__environment", "resource__connection", "offering_version__offering"
    ).get(pk=claim.run_id)
    return RunFacts(
        run=run,
        resource=run.resource,
        version=run.offering_version,
        admin=connection_credentials(connection=run.resource.connection),
        prior_state=state_newest(run.resource_id),
    )


def variables_make(facts: RunFacts, credentials: RunCredentials) -> dict[str, Any]:
    """Return what Terraform gets: the user's parameters, what the platform puts in, and verifiers of the password."""
    resource = facts.resource
    supplied = {
        "physical_name": resource.physical_name,
        "resource_id": show(Prefix.RESOURCE, resource.pk),
        "project": resource.project.slug,
        "environment": resource.environment.name,
        "tier": resource.environment.tier,
    }
    platform = facts.manifest["variables"]["platform"]
    verifiers = (facts.manifest["credentials"] or {}).get("verifiers", {})
    return {
        **facts.run.parameters,
        **{variable: supplied[source] for variable, source in platform.items()},
        **{variable: credentials.verifiers[form] for variable, form in verifiers.items()},
    }


def spec_make(facts: RunFacts, credentials: RunCredentials, *, template: Template) -> RunSpec:
    """Return all that reaches Terraform of a run."""
    return RunSpec(
        run_id=show(Prefix.RUN, facts.run.pk),
        template=template,
        variables=variables_make(facts, credentials),
        prior_state=facts.prior_state,
        credentials={facts.version.target_kind: facts.admin},
        secrets=(*credentials.secrets, *(value for value in facts.admin.values() if isinstance(value, str))),
        stateful_types=frozenset(facts.manifest["stateful_types"]),
    )
