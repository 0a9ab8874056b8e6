"""The policies that judge every ask, so that nobody learns of them by being refused."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.engine.policy_set import Level, Policy, PolicySet, Stage
from governance.services.policies import policy_set_get
from platform_api.tenancy.models.scopes import Scope


class PolicyOutput(serializers.Serializer[Policy]):
    """One policy of the set."""

    id = serializers.CharField()
    title = serializers.CharField()
    stage = serializers.ChoiceField([stage.value for stage in Stage])
    level = serializers.ChoiceField([level.value for level in Level])


class PolicySetOutput(serializers.Serializer[PolicySet]):
    """The policy set; ``digest`` is what decisions say they were made by."""

    id = serializers.CharField()
    version = serializers.IntegerField()
    digest = serializers.CharField()
    policies = PolicyOutput(many=True)


class PolicySetDetail(APIView):
    """The one policy set of the installation."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}

    @extend_schema(operation_id="policies_get", responses=PolicySetOutput)
    def get(self, request: Request) -> Response:
        """Show the policy set."""
        return Response(PolicySetOutput(policy_set_get()).data)
