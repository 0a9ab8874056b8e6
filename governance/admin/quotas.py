"""Quotas on the admin site: listed, read with their ledger, and their limits set."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import RegexValidator
from django.http import HttpRequest

from governance.models import Quota, QuotaEntry, ScopeType
from governance.models.quotas import KIND_PATTERN, POINTS
from governance.services.quota_limits import (
    MINIMUM_REASON_LENGTH,
    ProjectFacts,
    quota_limit_begin,
    quota_limit_set,
)
from platform_api.core.admin.cells import Mono, Ref, Status
from platform_api.core.admin.filters import ChoiceFilter, SinceFilter, TextFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.fields import ProjectField
from platform_api.tenancy.admin.managing import AdminForm, ManagedAdmin

SHOWN = 100
HIGHEST = 1_000_000
"""Far below what a sum in PostgreSQL's integer could overflow with."""


class ReasonField(forms.CharField):
    """Why; auditors read it."""

    def __init__(self) -> None:
        super().__init__(
            min_length=MINIMUM_REASON_LENGTH,
            max_length=2000,
            widget=forms.Textarea(attrs={"rows": 3}),
            help_text=f"Why, in at least {MINIMUM_REASON_LENGTH} characters; auditors read it.",
        )


class LimitField(forms.IntegerField):
    """How much may be held."""

    def __init__(self) -> None:
        super().__init__(min_value=0, max_value=HIGHEST, help_text="0 lets nothing more be ordered.")


class QuotaBeginForm(AdminForm):
    """A limit that is set before the first order."""

    title, done = "Set a limit", "The limit was set."

    project = ProjectField(help_text="Slug of the project, or of any project of the team.")
    of = forms.ChoiceField(choices=ScopeType, help_text="Whether the project's own quota is meant, or its team's.")
    kind = forms.CharField(
        initial=POINTS,
        max_length=48,
        validators=[RegexValidator(KIND_PATTERN, "Write points, or count: and a kind, e.g. count:database.")],
        help_text="points, or count: and the kind of a resource, e.g. count:database.",
    )
    limit = LimitField()
    reason = ReasonField()

    def save(self, *, thing: Any, caller: Caller) -> Quota:
        """Set it."""
        given = self.cleaned_data
        project = given["project"]
        facts = ProjectFacts(
            project_id=project.pk,
            project_slug=project.slug,
            team_id=project.team_id,
            team_slug=project.team.slug,
        )
        return quota_limit_begin(
            facts=facts,
            scope_type=ScopeType(given["of"]),
            kind=given["kind"],
            limit=given["limit"],
            reason=given["reason"],
            caller=caller,
        )


class QuotaLimitForm(AdminForm):
    """Another limit."""

    title, done = "Set the limit", "The limit was set."
    warning = "A limit below what is held takes nothing away, but nothing more can be ordered."

    limit = LimitField()
    reason = ReasonField()
    version = forms.IntegerField(widget=forms.HiddenInput)

    @classmethod
    def initial_of(cls, thing: Quota) -> dict[str, Any]:
        """Return the present limit, and the version that it is judged by."""
        return {"limit": thing.limit, "version": thing.version}

    def save(self, *, thing: Quota, caller: Caller) -> Quota:
        """Set it."""
        return quota_limit_set(quota_id=thing.pk, caller=caller, **self.cleaned_data)


class ScopeFilter(TextFilter):
    """Whose it is, as texts say it."""

    title, parameter_name = "of (project:… or team:…)", "of"

    def narrow(self, queryset: Any, text: str) -> Any:
        """Return the quotas of a project or team."""
        if not Quota.objects.filter(scope_name=text).exists():
            return self.refuse(queryset, f"There is no quota of {text[:64]}.")
        return queryset.filter(scope_name=text)


class KindFilter(ChoiceFilter):
    """Points, or a count."""

    title, parameter_name, column = "kind", "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds that there are."""
        kinds = Quota.objects.order_by("kind").values_list("kind", flat=True).distinct()[:SHOWN]
        return [(kind, kind) for kind in kinds]


class QuotaAdmin(ManagedAdmin):
    """How much may be held."""

    of = Quota
    prefix = Prefix.QUOTA
    plural = "Quotas"
    about = "How much a project or team may hold, and what it holds."
    list_display = ("scope_name", "kind", "limit", "used", "reserved", "left")
    list_filter = (ScopeFilter, KindFilter, SinceFilter, UntilFilter)
    search_fields = ("scope_name__icontains",)
    search_help_text = "An id, or a part of a project's or team's slug."
    add_form_class, change_form_class = QuotaBeginForm, QuotaLimitForm

    @admin.display(description="left")
    def left(self, quota: Quota) -> object:
        """Return what can still be ordered."""
        return quota.limit - quota.held

    def sections(self, request: HttpRequest, thing: Quota) -> Sequence[Section]:
        """Return the quota, its ledger, and its events."""
        entries, more_entries = newest(QuotaEntry.objects.filter(quota=thing), SHOWN)
        owner = Prefix.PROJECT if thing.scope_type == ScopeType.PROJECT else Prefix.TEAM
        return [
            Facts(
                title="Quota",
                rows=[
                    ("Of", Ref(prefix=owner, id=thing.scope_id, text=thing.scope_name)),
                    ("Kind", Mono(thing.kind)),
                    ("Limit", thing.limit),
                    ("Used", thing.used),
                    ("Reserved", thing.reserved),
                    ("Left", self.left(thing)),
                    ("Times the limit was set", thing.version - 1),
                ],
            ),
            Table(
                title="Ledger",
                note=more_entries,
                columns=("When", "Move", "Amount", "Counter", "Reserved after", "Used after", "Held by", "By", "Why"),
                rows=[
                    (
                        each.at,
                        Status(each.move),
                        each.amount,
                        each.pool,
                        each.reserved_after,
                        each.used_after,
                        Ref(prefix=Prefix.RESOURCE, id=each.subject_id),
                        each.actor_name,
                        each.reason,
                    )
                    for each in entries
                ],
            ),
            history_section(self.prefix, thing.pk),
        ]
