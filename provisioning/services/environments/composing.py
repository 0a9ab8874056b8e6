"""Composed environments are ordered: judged as a whole, then written as a whole, in one transaction."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from django.db import OperationalError, transaction

from catalog.models import Connection
from catalog.selectors.connections import connection_for
from governance.services.quotas import QuotaExceededError, quota_reserve_together
from platform_api.core import clock
from platform_api.core.callers import Caller
from platform_api.core.conditions import WHATEVER, Seen
from platform_api.core.errors import RequestRefusedError
from platform_api.core.ids import Prefix, new_id, show
from platform_api.tenancy.models import Project
from provisioning.dispatch import runs_notify
from provisioning.models import Component, ComponentNeed, Environment, Resource
from provisioning.models.environments import DEFAULT_NAME, Tier
from provisioning.services.environments.ensuring import (
    EnvironmentDiffersError,
    environment_find,
    environment_make,
    project_lock,
    tier_require,
)
from provisioning.services.environments.judging import (
    EnvironmentAsk,
    JudgedComponent,
    JudgedEnvironment,
    environment_judge,
    whole_findings,
)
from provisioning.services.intents import run_make_missing
from provisioning.services.ordering.naming import physical_name_make
from provisioning.services.ordering.requesting import request_write
from provisioning.states import Desired, Operation, ResourceStatus


def composed_ensure(
    *, ask: EnvironmentAsk, project: Project, name: str, caller: Caller, seen: Seen = WHATEVER
) -> tuple[Environment, bool]:
    """Return the project's environment of this name, ordered if it is not there; safe to repeat and to race.

    One that is there is left alone, whatever its parameters are. A refusal of any kind looks for it again first: that
    the quota is used up, or the name taken, may be the doing of another who asked for the very same.

    Args:
        ask: What is wanted.
        project: Where.
        name: What it shall be called there.
        caller: Who asks.
        seen: What the caller has seen of it; one that is there is not changed, so nothing has to be said.

    Returns:
        The environment, and whether it was made by this call.

    Raises:
        RoleMissingError: The caller may not order here, or may not order for production.
        EnvironmentDiffersError: It is there as something else.
        VersionMismatchError: It is there and was not to be, or the other way round, or is not as it was seen.
        EnvironmentClosedError, EnvironmentClosingError: It was given back, or is being given back.
        NotOrderableError, RequestRefusedError: Something is wrong with it; all findings are told.
        ConnectionMissingError: The platform has no target for a component.
    """
    tier_require(caller=caller, project=project, tier=Tier.DEVELOPMENT)
    if name == DEFAULT_NAME:
        finding = {
            "pointer": "#",
            "code": "name_reserved",
            "detail": f"{DEFAULT_NAME} is the environment that every project has.",
            "remedy": "Choose another name.",
        }
        raise RequestRefusedError(errors=[finding], tenant=project.tenant)
    find = partial(environment_find, project=project, name=name, source=ask.source, may_reopen=ask.may_reopen)
    found = find()
    if found is None:
        try:
            judged = environment_judge(ask=ask, project=project, name=name, caller=caller)
            with transaction.atomic():
                project_lock(project)
                found = find()
                if found is None:
                    seen.require(None, tenant=project.tenant)
                    return _write(ask, judged, caller), True
        except OperationalError:  # nothing more can be asked, at least not in this transaction
            raise
        except Exception:
            found = find()
            if found is None:
                raise
    seen.require(found.version, tenant=project.tenant)
    version = found.offering_version
    ordered = (None, None) if version is None else (version.offering.slug, version.version)
    if ordered != (ask.offering, ask.version or ordered[1]):
        what = "without an offering" if version is None else f"as {ordered[0]} {ordered[1]}"
        msg = f"Environment {name} of project {project.slug} is there {what}."
        raise EnvironmentDiffersError(msg, tenant=project.tenant)
    return found, False


def _write(ask: EnvironmentAsk, judged: JudgedEnvironment, caller: Caller) -> Environment:
    """Write everything that one accepted order of an environment leaves behind."""
    place, composition = judged.place, judged.composition
    targets = {
        part.component.name: connection_for(
            kind=part.component.orderable.connection_kind, tier=place.tier, team_id=place.project.team_id
        )
        for part in judged.components
    }
    # Ids grow: what is needed has the smaller one, and the database holds needs to it.
    ids = {part.component.name: new_id() for part in judged.components}
    try:
        taken = quota_reserve_together(
            facts=place.facts,
            amounts={ids[part.component.name]: part.amounts for part in judged.components},
            caller=caller,
            reason=Operation.PROVISION.value,
        )
    except QuotaExceededError as error:
        raise RequestRefusedError(errors=whole_findings(error.errors), tenant=place.tenant) from error
    environment = environment_make(
        caller=caller,
        project=place.project,
        name=place.environment,
        tier=place.tier,
        id=place.environment_id,
        expires_at=place.expires_at,
        offering_version_id=composition.version_id,
        parameters=judged.parameters,
        source=None if ask.source is None else dict(ask.source),
        reason=ask.reason,
        audited={
            "offering": composition.offering,
            "version": composition.version,
            "parameters": judged.parameters,
            "components": {name: show(Prefix.RESOURCE, resource_id) for name, resource_id in ids.items()},
            "ticket": ask.ticket,
        },
    )
    for part in judged.components:
        name = part.component.name
        resource = _resource_write(part, environment, resource_id=ids[name], target=targets[name], caller=caller)
        request_write(
            operation=Operation.PROVISION,
            resource=resource,
            orderable=part.component.orderable,
            parameters=part.parameters,
            reason=ask.reason,
            ticket=ask.ticket,
            caller=caller,
            decision=part.decision,
            taken=taken.get(resource.pk, []),
        )
        _needs_write(part, resource, ids)
        run_make_missing(resource_id=resource.pk, caller=caller)
    runs_notify()
    return environment


def _resource_write(
    part: JudgedComponent, environment: Environment, *, resource_id: UUID, target: Connection, caller: Caller
) -> Resource:
    orderable, at = part.component.orderable, clock.now()
    return Resource.objects.create(
        id=resource_id,
        project=environment.project,
        environment=environment,
        offering_version_id=orderable.version_id,
        plan_id=orderable.plan_id,
        connection=target,
        name=part.component.name,
        kind=orderable.kind,
        physical_name=physical_name_make(
            project=environment.project.slug,
            environment=environment.name,
            name=part.component.name,
            resource_id=resource_id,
        ),
        status=ResourceStatus.PENDING,
        desired=Desired.PRESENT,
        parameters=part.parameters,
        expires_at=environment.expires_at,
        created_by_id=caller.id,
        created_by_name=caller.name,
        created_at=at,
        updated_at=at,
    )


def _needs_write(part: JudgedComponent, resource: Resource, ids: Mapping[str, UUID]) -> None:
    Component.objects.create(resource=resource, environment=resource.environment, name=resource.name)
    ComponentNeed.objects.bulk_create(
        ComponentNeed(component_id=resource.pk, needed_id=ids[name], takes=takes)
        for name, takes in part.component.wires.needs.items()
    )
