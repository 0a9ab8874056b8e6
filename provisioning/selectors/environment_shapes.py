"""The shape that an environment has for callers: one address for status, cost and outputs of the whole."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import EnvironmentId, Money, ResourceId, Shape, choice_of
from provisioning.models import Environment, ProvisioningRequest, Resource
from provisioning.selectors.shapes import FailureShape, OrderedShape, failure_shape, resource_url
from provisioning.states import (
    LIVE_RESOURCE,
    Desired,
    EnvironmentStatus,
    RequestStatus,
    ResourceStatus,
    Standing,
    environment_status,
    standing,
)


class EnvironmentOfferingShape(Shape):
    """What an environment was ordered as."""

    slug: str
    version: str


class ComponentShape(Shape):
    """A resource in an environment."""

    name: str
    resource: ResourceId
    url: str
    kind: str
    offering: OrderedShape
    status: str
    needs: list[str]
    """Components that it takes something of."""

    failure: FailureShape | None
    """Why the newest request for it came to nothing, if it did."""


class EnvironmentCostShape(Shape):
    """What all that stands in an environment costs; one amount for each currency, as a rule one."""

    monthly: list[Money]


class EnvironmentLinksShape(Shape):
    """Where it is, what is in it, and where its story is told."""

    self: str
    resources: str
    audit: str


class EnvironmentShape(Shape):
    """A group of resources, ordered as one or one by one."""

    id: EnvironmentId
    name: str
    project: str
    tier: str
    status: Annotated[str, choice_of(EnvironmentStatus.choices)]
    offering: EnvironmentOfferingShape | None
    """Null for one that was made empty."""

    parameters: dict[str, Any]
    source: dict[str, Any] | None
    """Where the ask came from, in members of the caller's choice."""

    reason: str
    components: list[ComponentShape]
    outputs: dict[str, dict[str, Any]]
    """By component: those that are there."""

    cost: EnvironmentCostShape
    expires_at: datetime | None
    closed_at: datetime | None
    """When the last of it was gone."""

    created_by: str
    created_at: datetime
    links: EnvironmentLinksShape


def environment_url(environment: Environment) -> str:
    """Return where an environment is."""
    return f"/api/v1/environments/{show(Prefix.ENVIRONMENT, environment.pk)}"


def environment_status_of(environment: Environment) -> EnvironmentStatus:
    """Return where an environment stands.

    Args:
        environment: As ``selectors.environments`` loads it.
    """
    return environment_status(
        wanted=Desired(environment.desired),
        is_closed=environment.closed_at is not None,
        standings=[_standing(environment, resource) for resource in environment.resources.all()],
    )


def environment_shape(environment: Environment) -> EnvironmentShape:
    """Return an environment as callers see it.

    Args:
        environment: As ``selectors.environments`` loads it.
    """
    resources, version = list(environment.resources.all()), environment.offering_version
    shown, project = show(Prefix.ENVIRONMENT, environment.pk), environment.project.slug
    return EnvironmentShape(
        id=shown,
        name=environment.name,
        project=project,
        tier=environment.tier,
        status=environment_status_of(environment),
        offering=None
        if version is None
        else EnvironmentOfferingShape(slug=version.offering.slug, version=version.version),
        parameters=environment.parameters,
        source=environment.source,
        reason=environment.reason,
        components=[_component(resource) for resource in resources],
        outputs={resource.name: resource.outputs for resource in resources if resource.outputs is not None},
        cost=_cost(resources),
        expires_at=environment.expires_at,
        closed_at=environment.closed_at,
        created_by=environment.created_by_name,
        created_at=environment.created_at,
        links=EnvironmentLinksShape(
            self=environment_url(environment),
            resources=f"/api/v1/resources?project={project}&environment={environment.name}",
            audit=f"/api/v1/audit-events?object={shown}",
        ),
    )


def _newest_request(resource: Resource) -> ProvisioningRequest:
    newest: ProvisioningRequest = resource.newest_requests[0]  # type: ignore[attr-defined]  # set by the prefetch
    return newest


def _standing(environment: Environment, resource: Resource) -> Standing:
    return standing(
        wanted=Desired(environment.desired),
        status=ResourceStatus(resource.status),
        was_ever_made=resource.observed_generation > 0,
        newest_request=RequestStatus(_newest_request(resource).status),
    )


def _component(resource: Resource) -> ComponentShape:
    version = resource.offering_version
    component = getattr(resource, "component", None)
    return ComponentShape(
        name=resource.name,
        resource=show(Prefix.RESOURCE, resource.pk),
        url=resource_url(resource.pk),
        kind=resource.kind,
        offering=OrderedShape(slug=version.offering.slug, version=version.version, plan=resource.plan.slug),
        status=resource.status,
        needs=[] if component is None else [need.needed.name for need in component.needs.all()],
        failure=failure_shape(_newest_request(resource).failure),
    )


def _cost(resources: Sequence[Resource]) -> EnvironmentCostShape:
    amounts = defaultdict[str, Decimal](Decimal)
    for resource in resources:
        if resource.status in LIVE_RESOURCE:
            amounts[resource.plan.currency] += resource.plan.monthly_amount
    return EnvironmentCostShape(
        monthly=[Money(amount=str(amount), currency=currency) for currency, amount in sorted(amounts.items())]
    )
