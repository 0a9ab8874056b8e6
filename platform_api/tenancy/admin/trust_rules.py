"""Trust rules on the admin site: listed, made, switched off."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.core.admin.cells import Mono, Ref
from platform_api.core.admin.filters import SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.fields import ProjectField, TeamField, UserField
from platform_api.tenancy.admin.managing import AdminForm, ManagedAdmin
from platform_api.tenancy.models import TrustRule
from platform_api.tenancy.models.identities import EVENTS
from platform_api.tenancy.models.scopes import ORDERING
from platform_api.tenancy.models.trust_rules import CI_SCOPES, ref_validator, repository_id_validator
from platform_api.tenancy.services.trust_rules import trust_rule_create, trust_rule_disable


class TrustRuleMakeForm(AdminForm):
    """A rule."""

    title, done = "New trust rule", "The trust rule was made."
    warning = "Whoever can have such a job run acts as the service. A rule never changes; it can be switched off."

    issuer = forms.ChoiceField(help_text="The CI system; SLIPWAY_CI_ISSUERS says which there are.")
    repository_id = forms.CharField(
        max_length=19,
        validators=[repository_id_validator],
        help_text="GitHub's number of the repository, GitLab's of the project: names change hands, numbers do not.",
    )
    repository = forms.CharField(max_length=200, help_text="Its name, for people.")
    ref_pattern = forms.CharField(
        label="Ref",
        max_length=255,
        required=False,
        validators=[ref_validator],
        help_text="E.g. refs/heads/main or refs/heads/preview-*; empty for any. Name a ref or an environment.",
    )
    environment = forms.CharField(
        max_length=255, required=False, help_text="Deployment environment that the job names; empty for any."
    )
    needs_protected_ref = forms.BooleanField(label="Only protected refs", required=False)
    events = forms.MultipleChoiceField(
        choices=[(event, event) for event in sorted(frozenset[str]().union(*EVENTS.values()))],
        widget=forms.CheckboxSelectMultiple,
        initial=["push"],
        help_text="What may set the job off. Pull and merge requests never do: their code may be a fork's.",
    )
    owner = UserField(label="Service", help_text="Username of the service that the jobs act as.")
    team = TeamField(required=False, help_text="Slug; narrows them to one team. Name a team or a project.")
    project = ProjectField(required=False, help_text="Slug; narrows them to one project.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in sorted(CI_SCOPES)],
        widget=forms.CheckboxSelectMultiple,
        initial=sorted(ORDERING),
        help_text="What they may do.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["issuer"].choices = [(url, url) for url in settings.CI_ISSUERS]  # type: ignore[attr-defined] # a choice's

    def save(self, *, thing: Any, caller: Caller) -> TrustRule:
        """Make it."""
        given = dict(self.cleaned_data)
        return trust_rule_create(user=given.pop("owner"), caller=caller, **given)


class TrustRuleDisableForm(AdminForm):
    """The end of a rule."""

    title, done = "Switch off", "The trust rule was switched off."
    warning = "Jobs are refused from now on, and the tokens that they have end. It cannot be switched on again."

    is_sure = forms.BooleanField(label="Switch this rule off now")

    @classmethod
    def applies_to(cls, thing: TrustRule) -> bool:
        """Tell whether it counts still."""
        return thing.disabled_at is None

    def save(self, *, thing: TrustRule, caller: Caller) -> TrustRule:
        """Switch it off."""
        trust_rule_disable(rule=thing, caller=caller)
        return thing


class TrustRuleAdmin(ManagedAdmin):
    """Which CI jobs are taken for which service."""

    of = TrustRule
    prefix = Prefix.TRUST_RULE
    plural = "Trust rules"
    about = "Which CI jobs act as which service, without a stored secret."
    list_display = ("repository", "ref_shown", "environment", "status_shown", "service", "created_at")
    list_filter = (SinceFilter, UntilFilter)
    search_fields = ("repository__icontains", "repository_id__exact")
    search_help_text = "An id, a part of a repository's name, or its number."
    add_form_class, change_form_class = TrustRuleMakeForm, TrustRuleDisableForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return rules with whom they are for."""
        return TrustRule.objects.select_related("user", "team", "project").defer("user__password")

    @admin.display(description="ref")
    def ref_shown(self, rule: TrustRule) -> object:
        """Return what runs."""
        return Mono(rule.ref_pattern or "any")

    @admin.display(description="service")
    def service(self, rule: TrustRule) -> object:
        """Return whom the jobs act as."""
        return Ref(prefix=Prefix.USER, id=rule.user_id, text=rule.user.username)

    def sections(self, request: HttpRequest, thing: TrustRule) -> Sequence[Section]:
        """Return what the rule says, and its events."""
        team, project = thing.team, thing.project
        return [
            Facts(
                title="Jobs",
                rows=[
                    ("CI system", Mono(thing.issuer)),
                    ("Repository", thing.repository),
                    ("Its number", Mono(thing.repository_id)),
                    ("Ref", self.ref_shown(thing)),
                    ("Only protected refs", "yes" if thing.needs_protected_ref else "no"),
                    ("Environment", thing.environment or "any"),
                    ("Set off by", [Mono(event) for event in thing.events]),
                ],
            ),
            Facts(
                title="Act as",
                rows=[
                    ("Service", self.service(thing)),
                    ("Only team", Ref(prefix=Prefix.TEAM, id=thing.team_id, text=team.slug if team else "")),
                    (
                        "Only project",
                        Ref(prefix=Prefix.PROJECT, id=thing.project_id, text=project.slug if project else ""),
                    ),
                    ("Scopes", [Mono(scope) for scope in thing.scopes]),
                    ("Made", thing.created_at),
                    ("Switched off", thing.disabled_at),
                ],
            ),
            history_section(self.prefix, thing.pk),
        ]
