"""Projects on the admin site: listed, made, renamed."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.core.admin.cells import Mono, Ref
from platform_api.core.admin.filters import SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.fields import SlugField, TeamField
from platform_api.tenancy.admin.filters import TeamFilter
from platform_api.tenancy.admin.managing import AdminForm, ManagedAdmin
from platform_api.tenancy.admin.teams import members_section
from platform_api.tenancy.models import Project, ProjectUserPermission
from platform_api.tenancy.services.teams import project_create, project_rename


class ProjectMakeForm(AdminForm):
    """A new project."""

    title, done = "New project", "The project was made."

    team = TeamField(help_text="Slug of the team that owns it.")
    slug = SlugField()
    name = forms.CharField(max_length=200, help_text="How people read it, e.g. Checkout.")

    def save(self, *, thing: Any, caller: Caller) -> Project:
        """Make it."""
        return project_create(caller=caller, **self.cleaned_data)


class ProjectRenameForm(AdminForm):
    """Another name."""

    title, done = "Rename", "The project was renamed."

    name = forms.CharField(max_length=200, help_text="The slug stays: addresses and physical names hold it.")

    @classmethod
    def initial_of(cls, thing: Project) -> dict[str, Any]:
        """Return the present name."""
        return {"name": thing.name}

    def save(self, *, thing: Project, caller: Caller) -> Project:
        """Rename it."""
        return project_rename(project=thing, caller=caller, **self.cleaned_data)


class ProjectAdmin(ManagedAdmin):
    """What teams build."""

    of = Project
    prefix = Prefix.PROJECT
    plural = "Projects"
    about = "What teams build; the unit of tenancy."
    list_display = ("slug", "name", "team_shown", "created_at")
    list_filter = (TeamFilter, SinceFilter, UntilFilter)
    search_fields = ("slug__startswith", "name__icontains")
    search_help_text = "An id, the beginning of a slug, or a part of a name."
    add_form_class, change_form_class = ProjectMakeForm, ProjectRenameForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return projects with their teams."""
        return Project.objects.select_related("team")

    @admin.display(description="team")
    def team_shown(self, project: Project) -> object:
        """Return who owns it."""
        return Ref(prefix=Prefix.TEAM, id=project.team_id, text=project.team.slug)

    def sections(self, request: HttpRequest, thing: Project) -> Sequence[Section]:
        """Return the project, who works on it, and its events."""
        return [
            Facts(
                title="Project",
                rows=[
                    ("Slug", Mono(thing.slug)),
                    ("Name", thing.name),
                    ("Team", self.team_shown(thing)),
                    ("Made", thing.created_at),
                ],
            ),
            members_section(ProjectUserPermission.objects.filter(content_object=thing)),
            history_section(self.prefix, thing.pk),
        ]
