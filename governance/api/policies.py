"""The policies that judge every ask, so that nobody learns of them by being refused."""

from typing import ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from governance.services.policies import PolicySetUnavailableError, policy_set_get
from platform_api.core.http.conditions import IF_NONE_MATCH, shown
from platform_api.core.http.document.operations import operation
from platform_api.core.shapes import Shape
from platform_api.tenancy.models.scopes import Scope


class PolicyShape(Shape):
    """One policy of the set."""

    id: str
    title: str
    stage: str
    level: str


class PolicySetShape(Shape):
    """The policy set; ``digest`` is what decisions say they were made by."""

    id: str
    version: int
    digest: str
    policies: list[PolicyShape]


class PolicySetDetail(APIView):
    """The one policy set of the installation."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}

    @operation(
        "policies_get", responses={200: PolicySetShape}, parameters=[IF_NONE_MATCH], raises=(PolicySetUnavailableError,)
    )
    def get(self, request: Request) -> HttpResponse:
        """Show the policy set."""
        found = policy_set_get()
        policies = [
            PolicyShape(id=policy.id, title=policy.title, stage=policy.stage.value, level=policy.level.value)
            for policy in found.policies
        ]
        return shown(
            request, PolicySetShape(id=found.id, version=found.version, digest=found.digest, policies=policies)
        )
