"""Resources on the admin site."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.admin.offerings import KindFilter
from platform_api.core.admin.cells import Json, Mono, Ref, Status
from platform_api.core.admin.filters import SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.filters import ProjectFilter, TeamOfProjectFilter
from platform_api.tenancy.admin.reading import ReadOnlyAdmin, list_url
from provisioning.admin.filters import (
    CreatorFilter,
    EnvironmentFilter,
    OfferingFilter,
    ResourceStatusFilter,
)
from provisioning.admin.parts import SHOWN, ordered_rows, requests_section, runs_section
from provisioning.models import Credential, ProvisioningRequest, Resource, Run
from provisioning.selectors.stories import credentials_told, resources_listed, states_of


class ResourceAdmin(ReadOnlyAdmin):
    """What exists, or existed."""

    of = Resource
    prefix = Prefix.RESOURCE
    plural = "Resources"
    about = "What exists, or existed, and who owns it."
    list_display = ("name", "status_shown", "kind", "offering", "place", "creator", "created_at")
    list_filter = (
        TeamOfProjectFilter,
        ProjectFilter,
        EnvironmentFilter,
        OfferingFilter,
        ResourceStatusFilter,
        KindFilter,
        CreatorFilter,
        SinceFilter,
        UntilFilter,
    )
    search_fields = ("name__startswith", "physical_name__startswith")
    search_help_text = "An id, or the beginning of a name or physical name."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return resources with what names them, without what is sealed."""
        return resources_listed()

    @admin.display(description="offering")
    def offering(self, resource: Resource) -> object:
        """Return what it is an instance of."""
        version = resource.offering_version
        return f"{version.offering.slug} {version.version}, {resource.plan.slug}"

    @admin.display(description="where")
    def place(self, resource: Resource) -> object:
        """Return where it is."""
        return f"{resource.project.team.slug} / {resource.project.slug} / {resource.environment.name}"

    @admin.display(description="by")
    def creator(self, resource: Resource) -> object:
        """Return who ordered it."""
        return Ref(prefix=Prefix.USER, id=resource.created_by_id, text=resource.created_by_name)

    def sections(self, request: HttpRequest, thing: Resource) -> Sequence[Section]:
        """Return the resource, what it gives, and what happened to it."""
        shown = show(self.prefix, thing.pk)
        requests = ProvisioningRequest.objects.filter(resource=thing)
        return [
            Facts(title="Resource", rows=self._rows(thing)),
            Facts(title="What was ordered", rows=ordered_rows(thing)),
            Facts(title="What it gives", rows=[("Outputs", Json(thing.outputs))]),
            self._credentials(thing),
            requests_section(requests, more_url=list_url("provisioning_provisioningrequest", resource=shown)),
            runs_section(Run.objects.filter(resource=thing), more_url=list_url("provisioning_run", resource=shown)),
            self._states(thing),
            history_section(self.prefix, thing.pk),
        ]

    def _rows(self, thing: Resource) -> list[tuple[str, object]]:
        return [
            ("Name", thing.name),
            ("Kind", thing.kind),
            ("Status", Status(thing.status)),
            ("Desired", Status(thing.desired)),
            ("Team", Ref(prefix=Prefix.TEAM, id=thing.project.team_id, text=thing.project.team.slug)),
            ("Project", Ref(prefix=Prefix.PROJECT, id=thing.project_id, text=thing.project.slug)),
            ("Environment", Ref(prefix=Prefix.ENVIRONMENT, id=thing.environment_id, text=thing.environment.name)),
            ("Connection", Ref(prefix=Prefix.CONNECTION, id=thing.connection_id, text=thing.connection.slug)),
            ("Physical name", Mono(thing.physical_name)),
            ("Intents", f"{thing.generation}, of which number {thing.observed_generation} was fulfilled last"),
            ("Protected from deletion", thing.delete_protected),
            ("Expires", thing.expires_at),
            ("Ordered by", self.creator(thing)),
            ("Ordered", thing.created_at),
            ("Changed", thing.updated_at),
        ]

    def _credentials(self, thing: Resource) -> Section:
        credentials, more = newest(credentials_told(thing), SHOWN)
        return Table(
            title="Credentials",
            note=" ".join(filter(None, ("By number and time; what they are is never shown.", more))),
            columns=("Number", "Status", "Made", "Shown to", "Ended"),
            rows=[
                (
                    each.number,
                    Status(each.status),
                    each.made_at,
                    self._shown_to(each),
                    each.replaced_at or each.discarded_at,
                )
                for each in credentials
            ],
        )

    def _shown_to(self, credential: Credential) -> object:
        """Return who has seen a password, and when."""
        if credential.revealed_at is None:
            return None
        person = Ref(prefix=Prefix.USER, id=credential.revealed_by_id, text=credential.revealed_by_name)
        return [person, credential.revealed_at]

    def _states(self, thing: Resource) -> Section:
        states, note = newest(states_of(thing), SHOWN)
        return Table(
            title="State versions",
            note=note,
            columns=("Serial", "Lineage", "Run", "When"),
            rows=[
                (each.serial, Mono(each.lineage), Ref(prefix=Prefix.RUN, id=each.run_id), each.created_at)
                for each in states
            ],
        )
