"""Teams on the admin site: listed, made, renamed."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.core.admin.cells import Mono, Ref
from platform_api.core.admin.filters import SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.fields import SlugField
from platform_api.tenancy.admin.managing import AdminForm, ManagedAdmin
from platform_api.tenancy.models import Project, ProjectUserPermission, Team, TeamUserPermission
from platform_api.tenancy.services.teams import team_create, team_rename

SHOWN = 100


class TeamMakeForm(AdminForm):
    """A new team."""

    title, done = "New team", "The team was made."

    slug = SlugField()
    name = forms.CharField(max_length=200, help_text="How people read it, e.g. Web shop.")

    def save(self, *, thing: Any, caller: Caller) -> Team:
        """Make it."""
        return team_create(caller=caller, **self.cleaned_data)


class TeamRenameForm(AdminForm):
    """Another name."""

    title, done = "Rename", "The team was renamed."

    name = forms.CharField(max_length=200, help_text="The slug stays: addresses and physical names hold it.")

    @classmethod
    def initial_of(cls, thing: Team) -> dict[str, Any]:
        """Return the present name."""
        return {"name": thing.name}

    def save(self, *, thing: Team, caller: Caller) -> Team:
        """Rename it."""
        return team_rename(team=thing, caller=caller, **self.cleaned_data)


class TeamAdmin(ManagedAdmin):
    """Who pays and owns."""

    of = Team
    prefix = Prefix.TEAM
    plural = "Teams"
    about = "Who pays and owns."
    list_display = ("slug", "name", "created_at")
    list_filter = (SinceFilter, UntilFilter)
    search_fields = ("slug__startswith", "name__icontains")
    search_help_text = "An id, the beginning of a slug, or a part of a name."
    add_form_class, change_form_class = TeamMakeForm, TeamRenameForm

    def sections(self, request: HttpRequest, thing: Team) -> Sequence[Section]:
        """Return the team, its projects, its members and its events."""
        projects, more_projects = newest(Project.objects.filter(team=thing), SHOWN)
        return [
            Facts(
                title="Team",
                rows=[("Slug", Mono(thing.slug)), ("Name", thing.name), ("Made", thing.created_at)],
            ),
            Table(
                title="Projects",
                note=more_projects,
                columns=("Project", "Name", "Made"),
                rows=[
                    (Ref(prefix=Prefix.PROJECT, id=each.pk, text=each.slug), each.name, each.created_at)
                    for each in projects
                ],
            ),
            members_section(TeamUserPermission.objects.filter(content_object=thing)),
            history_section(self.prefix, thing.pk),
        ]


def members_section(
    permissions: "QuerySet[TeamUserPermission] | QuerySet[ProjectUserPermission]",
) -> Table:
    """Return the part of a page that tells who has which role."""
    rows = list(permissions.select_related("user", "permission").order_by("user__username")[: SHOWN + 1])
    return Table(
        title="Roles",
        note=f"The first {SHOWN} are shown." if len(rows) > SHOWN else "",
        columns=("User", "Role"),
        rows=[
            (Ref(prefix=Prefix.USER, id=each.user.pk, text=each.user.username), each.permission.codename)
            for each in rows[:SHOWN]
        ],
    )
