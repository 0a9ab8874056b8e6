"""What a worker process has at hand."""

from dataclasses import dataclass, field
from functools import cached_property

from platform_api.terraform.client import TerraformClient
from provisioning.services.execution.admission import Admission
from provisioning.services.execution.claims import LeaseTerms
from provisioning.services.execution.draining import Drain
from provisioning.services.execution.templates import TemplateShelf


@dataclass(frozen=True, kw_only=True)
class Worker:
    """What a worker process has at hand.

    Attributes:
        owner: Its name in leases: host, process and a random part.
        client: Terraform.
        templates: Modules made ready on this host.
        pools: Queues that it serves.
        terms: How long its claims hold.
        drain: Tells when it is to take no more, and when to hand over.
    """

    owner: str
    client: TerraformClient
    templates: TemplateShelf
    pools: tuple[str, ...] = ("default",)
    terms: LeaseTerms = field(default_factory=LeaseTerms)
    drain: Drain = field(default_factory=Drain)

    @cached_property
    def admission(self) -> Admission:
        """Whether it takes a run now."""
        return Admission(client=self.client, drain=self.drain)
