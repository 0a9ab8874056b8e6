"""Users on the admin site: listed, and services made; people come by sign-on or ``manage.py bootstrap``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from platform_api.core import clock
from platform_api.core.admin.cells import Link, Mono, Ref, Status
from platform_api.core.admin.filters import ChoiceFilter, SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section, Table, newest
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.managing import AdminForm, ManagedAdmin
from platform_api.tenancy.admin.reading import list_url
from platform_api.tenancy.models import ApiToken, ProjectUserPermission, SecondFactor, TeamUserPermission, User
from platform_api.tenancy.models.users import UserKind, username_validator
from platform_api.tenancy.services.users import user_create

SHOWN = 100


class ServiceMakeForm(AdminForm):
    """A user that no person stands behind."""

    title, done = "New service", "The service was made. It can do nothing until it has a role and a token."

    username = forms.CharField(
        max_length=64,
        validators=[username_validator],
        help_text="2 to 64 of a-z, 0-9, dot, hyphen, underscore. It stays for good.",
    )
    name = forms.CharField(max_length=200, required=False, help_text="What it does, e.g. Nightly builds.")

    def save(self, *, thing: Any, caller: Caller) -> User:
        """Make it."""
        return user_create(caller=caller, kind=UserKind.SERVICE, **self.cleaned_data)


class KindFilter(ChoiceFilter):
    """Person or service."""

    title, parameter_name, column = "kind", "kind", "kind"
    words = UserKind


class UserAdmin(ManagedAdmin):
    """People and services."""

    of = User
    prefix = Prefix.USER
    plural = "Users"
    about = "People and services that act."
    list_display = ("username", "name", "kind", "overseer", "status_shown", "created_at")
    list_filter = (KindFilter, SinceFilter, UntilFilter)
    search_fields = ("username__startswith", "name__icontains")
    search_help_text = "An id, the beginning of a username, or a part of a name."
    add_form_class = ServiceMakeForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return users without their passwords' hashes."""
        return User.objects.defer("password")

    def get_page_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return users with how they log in; never the key of a second factor."""
        users = User.objects.select_related("second_factor").prefetch_related("sign_ons")
        return users.defer("password", "second_factor__sealed_key")

    @admin.display(description="oversees as")
    def overseer(self, user: User) -> object:
        """Return the roles on everything."""
        roles = {"auditor": user.is_auditor, "platform admin": user.is_platform_admin}
        return ", ".join(name for name, is_given in roles.items() if is_given)

    def status(self, thing: User) -> str:
        """Return whether the user has access."""
        return "active" if thing.is_active else "inactive"

    def sections(self, request: HttpRequest, thing: User) -> Sequence[Section]:
        """Return the user, roles, tokens, and what was done to the user."""
        tokens, more_tokens = newest(ApiToken.objects.filter(user=thing).defer("digest"), SHOWN)
        return [
            Facts(
                title="User",
                rows=[
                    ("Username", Mono(thing.username)),
                    ("Name", thing.name),
                    ("E-mail", thing.email),
                    ("Kind", UserKind(thing.kind).label),
                    ("Oversees as", self.overseer(thing)),
                    ("Made", thing.created_at),
                    ("Last log-in", thing.last_login),
                    ("Second factor since", _second_factor_since(thing)),
                    ("Sign-ons", [Mono(f"{each.issuer} {each.subject}") for each in thing.sign_ons.all()] or None),
                    ("Did", Link(list_url("audit_auditevent", actor=thing.username), "Audit events of this user")),
                ],
            ),
            Table(title="Roles", columns=("On", "Role"), rows=_roles(thing)),
            Table(
                title="Tokens",
                note=more_tokens,
                columns=("Token", "Status", "Begins with", "Expires", "Last used"),
                rows=[
                    (
                        Ref(prefix=Prefix.API_TOKEN, id=each.pk, text=each.name),
                        Status(each.status_at(clock.now())),
                        Mono(each.beginning),
                        each.expires_at,
                        each.last_used_at,
                    )
                    for each in tokens
                ],
            ),
            history_section(self.prefix, thing.pk),
        ]


def _second_factor_since(user: User) -> datetime | None:
    factor: SecondFactor | None = getattr(user, "second_factor", None)
    return None if factor is None else factor.created_at


def _roles(user: User) -> list[tuple[object, object]]:
    """Return what the user is, on which teams and projects."""
    rows: list[tuple[object, object]] = []
    for model, prefix in ((TeamUserPermission, Prefix.TEAM), (ProjectUserPermission, Prefix.PROJECT)):
        grants = model.objects.filter(user=user).select_related("content_object", "permission").order_by("pk")[:SHOWN]
        rows += [
            (Ref(prefix=prefix, id=each.content_object.pk, text=each.content_object.slug), each.permission.codename)
            for each in grants
        ]
    return rows
