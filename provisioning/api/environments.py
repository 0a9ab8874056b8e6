"""Environments: made or left alone by one call that is safe to repeat."""

import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.views import APIView

from platform_api.core.errors import RequestRefusedError
from platform_api.core.http.shapes import body_read, shape_response
from platform_api.core.ids import Prefix, show
from platform_api.core.shapes import Body, Shape
from platform_api.tenancy.api.permissions import caller_of
from platform_api.tenancy.models.scopes import Scope
from platform_api.tenancy.models.teams import SLUG_PATTERN, slug_validator
from platform_api.tenancy.selectors.projects import project_get
from provisioning.models import Environment
from provisioning.models.environments import Tier
from provisioning.selectors.places import environment_get
from provisioning.services.environments import environment_ensure


class EnvironmentBody(Body):
    """What an environment shall be."""

    tier: Literal["development", "staging", "production"] = "development"
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class EnvironmentShape(Shape):
    """A group of resources."""

    id: str
    name: str
    project: str
    tier: str
    expires_at: datetime | None
    created_at: datetime


def _shape(environment: Environment, project: str) -> EnvironmentShape:
    return EnvironmentShape(
        id=show(Prefix.ENVIRONMENT, environment.pk),
        name=environment.name,
        project=project,
        tier=environment.tier,
        expires_at=environment.expires_at,
        created_at=environment.created_at,
    )


class EnvironmentDetail(APIView):
    """One environment of a project."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.RESOURCES_READ, "PUT": Scope.REQUESTS_WRITE}

    @extend_schema(operation_id="environment_get", responses=EnvironmentShape)
    def get(self, request: Request, project: str, name: str) -> HttpResponse:
        """Show an environment."""
        found = project_get(caller=caller_of(request), project=project)
        return shape_response(_shape(environment_get(project=found, name=name), found.slug))

    @extend_schema(
        operation_id="environment_ensure",
        request=EnvironmentBody,
        responses={200: EnvironmentShape, 201: EnvironmentShape},
    )
    def put(self, request: Request, project: str, name: str) -> HttpResponse:
        """Make the environment, or leave it as it is; safe to repeat and to race."""
        body = body_read(EnvironmentBody, request.data)
        if re.match(SLUG_PATTERN, name) is None:
            finding = {
                "pointer": "#",
                "code": "pattern_mismatch",
                "detail": "The environment's name in the address is not sound.",
                "remedy": str(slug_validator.message),
            }
            raise RequestRefusedError(errors=[finding])
        caller = caller_of(request)
        found = project_get(caller=caller, project=project)
        environment, is_new = environment_ensure(
            project=found, name=name, tier=Tier(body.tier), expires_at=body.expires_at, caller=caller
        )
        return shape_response(_shape(environment, found.slug), status=201 if is_new else 200)
