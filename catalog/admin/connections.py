"""Connections on the admin site: listed, made, changed. The admin's credentials go in and never come out."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.models import Connection
from catalog.models.connections import DEFAULT_POOL, ConnectionKind, Tier, pool_validator
from catalog.services.connections import URL_KINDS, ConnectionFacts, connection_change, connection_create
from platform_api.core.admin.cells import Mono, Ref
from platform_api.core.admin.filters import ChoiceFilter, SinceFilter, UntilFilter
from platform_api.core.admin.sections import Facts, Section
from platform_api.core.callers import Caller
from platform_api.core.ids import Prefix
from platform_api.tenancy.admin.events import history_section
from platform_api.tenancy.admin.fields import SlugField, WordsField, team_of
from platform_api.tenancy.admin.managing import AdminForm, ManagedAdmin

HIGHEST_PORT = 65535


class AdminUrlField(forms.CharField):
    """A URL with a password: taken, and never given back to a page."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
        super().__init__(**{"max_length": 2000, "widget": widget, "strip": True, **options})


class _ConnectionForm(AdminForm):
    """What a new connection and a changed one have in common."""

    tiers = forms.MultipleChoiceField(
        choices=Tier, widget=forms.CheckboxSelectMultiple, help_text="Environments that may use it."
    )
    teams = WordsField(
        read=team_of, required=False, help_text="Slugs of the teams that may use it; empty for all teams."
    )
    host = forms.CharField(max_length=253, help_text="Name or address that users connect to.")
    port = forms.IntegerField(min_value=1, max_value=HIGHEST_PORT)
    pool = forms.CharField(
        max_length=32,
        initial=DEFAULT_POOL,
        validators=[pool_validator],
        help_text="Whose workers carry out what is ordered on it; what waits already stays in its pool.",
    )
    is_active = forms.BooleanField(label="New things are made on it", required=False, initial=True)

    def facts(self) -> ConnectionFacts:
        """Return what may be told of it."""
        given = self.cleaned_data
        return ConnectionFacts(
            tiers=[Tier(tier) for tier in given["tiers"]],
            endpoint={"host": given["host"], "port": given["port"]},
            teams=given["teams"],
            is_active=given["is_active"],
            pool=given["pool"],
        )


class ConnectionMakeForm(_ConnectionForm):
    """A new connection."""

    title, done = "New connection", "The connection was made."

    slug = SlugField()
    kind = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in URL_KINDS])
    admin_url = AdminUrlField(
        label="Admin URL", help_text="With the admin's name and password; sealed at once, and never shown again."
    )
    field_order = ("slug", "kind", "tiers", "teams", "host", "port", "admin_url", "pool", "is_active")

    def save(self, *, thing: Any, caller: Caller) -> Connection:
        """Make it."""
        given = self.cleaned_data
        return connection_create(
            slug=given["slug"],
            kind=ConnectionKind(given["kind"]),
            facts=self.facts(),
            credentials={"url": given["admin_url"]},
            caller=caller,
        )


class ConnectionChangeForm(_ConnectionForm):
    """Another endpoint, other users, or another secret."""

    title, done = "Change", "The connection was changed."
    warning = "What is on the server already is worked on with what stands here, too."

    admin_url = AdminUrlField(
        label="New admin URL", required=False, help_text="Leave empty to keep the one there is, which is never shown."
    )
    version = forms.DateTimeField(widget=forms.HiddenInput)
    field_order = ("tiers", "teams", "host", "port", "admin_url", "pool", "is_active")

    @classmethod
    def applies_to(cls, thing: Connection) -> bool:
        """Tell whether its kind is one whose credentials are a URL."""
        return thing.kind in URL_KINDS

    @classmethod
    def initial_of(cls, thing: Connection) -> dict[str, Any]:
        """Return all but the secret, and the version that it is judged by."""
        return {
            "tiers": thing.tiers,
            "teams": [team.slug for team in thing.teams.all()],
            "host": thing.endpoint.get("host"),
            "port": thing.endpoint.get("port"),
            "pool": thing.pool,
            "is_active": thing.is_active,
            "version": thing.updated_at,
        }

    def save(self, *, thing: Connection, caller: Caller) -> Connection:
        """Change it."""
        url = self.cleaned_data["admin_url"]
        return connection_change(
            connection_id=thing.pk,
            version=self.cleaned_data["version"],
            facts=self.facts(),
            credentials={"url": url} if url else None,
            caller=caller,
        )


class KindFilter(ChoiceFilter):
    """What stands at the other end."""

    title, parameter_name, column = "kind", "kind", "kind"
    words = ConnectionKind


class ConnectionAdmin(ManagedAdmin):
    """Where things are made."""

    of = Connection
    prefix = Prefix.CONNECTION
    plural = "Connections"
    about = "The servers and accounts that things are made on."
    list_display = ("slug", "kind", "status_shown", "tiers", "address", "pool", "updated_at")
    list_filter = (KindFilter, SinceFilter, UntilFilter)
    search_fields = ("slug__startswith",)
    search_help_text = "An id, or the beginning of a slug."
    add_form_class, change_form_class = ConnectionMakeForm, ConnectionChangeForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return connections without what is sealed."""
        return Connection.objects.defer("credentials")

    @admin.display(description="endpoint")
    def address(self, connection: Connection) -> object:
        """Return where users connect to."""
        return Mono(f"{connection.endpoint.get('host', '')}:{connection.endpoint.get('port', '')}")

    def status(self, thing: Connection) -> str:
        """Return whether new things are made on it."""
        return "active" if thing.is_active else "inactive"

    def sections(self, request: HttpRequest, thing: Connection) -> Sequence[Section]:
        """Return the connection but for its secret, and its events."""
        teams = [Ref(prefix=Prefix.TEAM, id=team.pk, text=team.slug) for team in thing.teams.all()]
        return [
            Facts(
                title="Connection",
                rows=[
                    ("Slug", Mono(thing.slug)),
                    ("Kind", ConnectionKind(thing.kind).label),
                    ("Tiers", thing.tiers),
                    ("Teams", teams or "all"),
                    ("Endpoint", self.address(thing)),
                    ("Pool of workers", Mono(thing.pool)),
                    ("Admin's credentials", "sealed; never shown"),
                    ("Made", thing.created_at),
                    ("Changed", thing.updated_at),
                ],
            ),
            history_section(self.prefix, thing.pk),
        ]
