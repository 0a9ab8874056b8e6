"""Tokens on the admin site: listed, made, ended. The clear token is on one answer and nowhere else, ever."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from platform_api.core import clock
from platform_api.core.admin.cells import Mono, Ref, path_of
from platform_api.core.admin.filters import SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.fields import ProjectField, TeamField, UserField, WordsField
from platform_api.tenancy.admin.filters import UserFilter
from platform_api.tenancy.admin.managing import AdminForm, ManagedAdmin
from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.scopes import ORDERING, Scope
from platform_api.tenancy.models.tokens import DEFAULT_LIFE, TokenKind
from platform_api.tenancy.services.tokens import IssuedToken, token_issue, token_revoke


def _network(word: str) -> str:
    return str(ipaddress.ip_network(word))


class TokenMakeForm(AdminForm):
    """A token of a user."""

    title, done = "New token", "The token was made."
    warning = "The token is shown once, on the next page. It carries the rights of its owner, whoever holds it."

    owner = UserField(help_text="Username of the person or service whose rights it carries.")
    name = forms.CharField(max_length=100, help_text="What it is for, e.g. nightly builds.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
        initial=sorted(ORDERING),
        help_text="What it may be used for.",
    )
    team = TeamField(required=False, help_text="Slug; narrows it to one team. Leave empty for all of its owner's.")
    project = ProjectField(required=False, help_text="Slug; narrows it to one project. Name a team or a project.")
    networks = WordsField(
        read=_network, required=False, help_text="CIDR ranges that it counts from, e.g. 10.0.0.0/8; empty for any."
    )
    last_day = forms.DateField(
        label="Last day (UTC)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=f"At most 366 days from now; {DEFAULT_LIFE.days} days where it is left empty.",
    )

    def save(self, *, thing: Any, caller: Caller) -> IssuedToken:
        """Make it."""
        given = self.cleaned_data
        last_day = given["last_day"]
        return token_issue(
            user=given["owner"],
            name=given["name"],
            caller=caller,
            scopes=given["scopes"],
            team=given["team"],
            project=given["project"],
            networks=given["networks"],
            expires_at=last_day and datetime.combine(last_day + timedelta(days=1), time.min, tzinfo=UTC),
        )


class TokenRevokeForm(AdminForm):
    """The end of a token."""

    title, done = "Revoke", "The token was revoked."
    warning = "Whoever uses it is refused from now on. It cannot be brought back."

    is_sure = forms.BooleanField(label="Revoke this token now")

    @classmethod
    def applies_to(cls, thing: ApiToken) -> bool:
        """Tell whether it is not revoked yet."""
        return thing.revoked_at is None

    def save(self, *, thing: ApiToken, caller: Caller) -> ApiToken:
        """Revoke it."""
        token_revoke(token=thing, caller=caller)
        return thing


class OwnerFilter(UserFilter):
    """Whose it is."""

    title, parameter_name, column = "owner", "owner", "user_id"


class ApiTokenAdmin(ManagedAdmin):
    """What calls are made with."""

    of = ApiToken
    prefix = Prefix.API_TOKEN
    plural = "Tokens"
    about = "What the API is called with; what is kept of a token does not open anything."
    list_display = ("name", "beginning", "status_shown", "owner", "last_used_at", "expires_at")
    list_filter = (OwnerFilter, SinceFilter, UntilFilter)
    search_fields = ("hint__exact", "name__icontains")
    search_help_text = "An id, the 8 characters after slw_…_, or a part of a name."
    add_form_class, change_form_class = TokenMakeForm, TokenRevokeForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return tokens with their owners, without their digests."""
        return ApiToken.objects.select_related("user", "team", "project").defer("digest", "user__password")

    @admin.display(description="begins with")
    def beginning(self, token: ApiToken) -> object:
        """Return what to recognize it by."""
        return Mono(token.beginning)

    @admin.display(description="owner")
    def owner(self, token: ApiToken) -> object:
        """Return whose it is."""
        return Ref(prefix=Prefix.USER, id=token.user_id, text=token.user.username)

    def heading(self, thing: ApiToken) -> str:
        """Return what it is for."""
        return thing.name

    def status(self, thing: ApiToken) -> str:
        """Return whether it counts."""
        return thing.status_at(clock.now())

    def sections(self, request: HttpRequest, thing: ApiToken) -> Sequence[Section]:
        """Return what is known of the token, and its events."""
        return [
            Facts(
                title="Token",
                rows=[
                    ("What for", thing.name),
                    ("Owner", self.owner(thing)),
                    ("Kind", TokenKind(thing.kind).label),
                    ("Begins with", self.beginning(thing)),
                    ("Scopes", [Mono(scope) for scope in thing.scopes]),
                    (
                        "Only team",
                        Ref(prefix=Prefix.TEAM, id=thing.team_id, text=thing.team.slug if thing.team else ""),
                    ),
                    (
                        "Only project",
                        Ref(
                            prefix=Prefix.PROJECT, id=thing.project_id, text=thing.project.slug if thing.project else ""
                        ),
                    ),
                    ("Only from", [Mono(network) for network in thing.networks] or "anywhere"),
                    ("On behalf of", thing.on_behalf_of),
                    ("By trust rule", Ref(prefix=Prefix.TRUST_RULE, id=thing.trust_rule_id, text=thing.on_behalf_of)),
                    ("Made", thing.created_at),
                    ("Expires", thing.expires_at),
                    ("Last used", thing.last_used_at),
                    ("Revoked", thing.revoked_at),
                ],
            ),
            history_section(self.prefix, thing.pk),
        ]

    def added(self, request: HttpRequest, form: AdminForm, made: IssuedToken) -> HttpResponse:
        """Show the clear token, this once; the answer is kept by no cache."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "plural": self.plural,
            "title": "Keep the token now",
            "secret": made.secret,
            "token_url": path_of(self.prefix, made.token.pk),
        }
        return TemplateResponse(request, "admin/token.html", context)
