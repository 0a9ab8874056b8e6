from provisioning.models.components import Component, ComponentNeed
from provisioning.models.credentials import Credential
from provisioning.models.environments import Environment
from provisioning.models.lifecycle import LifecycleMove
from provisioning.models.logs import LogLine
from provisioning.models.requests import ProvisioningRequest
from provisioning.models.resources import Resource
from provisioning.models.runs import PlanFile, Run
from provisioning.models.state_versions import StateVersion

__all__ = [
    "Component",
    "ComponentNeed",
    "Credential",
    "Environment",
    "LifecycleMove",
    "LogLine",
    "PlanFile",
    "ProvisioningRequest",
    "Resource",
    "Run",
    "StateVersion",
]
