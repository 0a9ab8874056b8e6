"""What every page of the admin site is built on: lists and pages to read, and no way to write.

A model that is registered with ``ReadOnlyAdmin`` has no form anywhere: its page is made of sections, its list takes no
action, and the addresses that Django reserves for adding, changing and deleting refuse. Who may read is a matter of the
user's role, never of Django's permission rows, which nobody can be given at run time.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from platform_api.core import correlation
from platform_api.core.admin.cells import Status, path_of
from platform_api.core.admin.lists import KeysetChangeList
from platform_api.core.admin.sections import Section
from platform_api.core.callers import Caller
from platform_api.core.errors import MethodError, SlipwayError
from platform_api.core.ids import Prefix, UnknownIdError, parse, read, show
from platform_api.tenancy.models import User
from platform_api.tenancy.selectors.callers import caller_of_session

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]  # generic only to the type checker
else:
    _ModelAdmin = admin.ModelAdmin

SAFE_METHODS = frozenset({"GET", "HEAD"})


class ReadOnlyPageError(MethodError):
    """A form was sent to a page that has none."""

    code = "method_not_allowed"
    title = "This page is for reading"
    remedy = "Change it through the API, or not at all: history is never changed."


def user_of(request: HttpRequest) -> User:
    """Return who has logged in; the site lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def caller_of(request: HttpRequest) -> Caller:
    """Return who acts, as services and the audit trail know them."""
    return caller_of_session(
        user=user_of(request), ip=request.META.get("REMOTE_ADDR"), correlation_id=correlation.current()
    )


class ReadOnlyAdmin(_ModelAdmin):
    """A list and a page of one kind of thing, for auditors and platform admins.

    Attributes:
        of: The model.
        prefix: How the ids of these things begin.
        plural: What the list is called.
        about: One sentence on what is listed.
    """

    of: ClassVar[type[Model]]
    prefix: ClassVar[Prefix]
    plural: ClassVar[str]
    about: ClassVar[str]

    actions = None
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/list.html"
    page_template: ClassVar[str] = "admin/page.html"

    def heading(self, thing: Any) -> str:
        """Return what a page is headed with."""
        return str(thing)

    def status(self, thing: Any) -> str:
        """Return the word of where a thing stands; empty where that has no word."""
        return str(getattr(thing, "status", ""))

    @admin.display(description="status")
    def status_shown(self, thing: Any) -> object:
        """Return where a thing stands, as a column."""
        return Status(self.status(thing))

    def sections(self, request: HttpRequest, thing: Any) -> Sequence[Section]:
        """Return what a page is made of."""
        raise NotImplementedError

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the list is named in the navigation."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let auditors and platform admins read."""
        return user_of(request).is_staff

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let nobody add."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody delete; there is no class of this site that does."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Take the parameters of the list's filters only: any other could be used to guess what no page shows."""
        return lookup in {str(getattr(each, "parameter_name", "")) for each in self.get_list_filter(request)}

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Take no column for an address but the id."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        """Return the kind of list."""
        return KeysetChangeList

    def get_page_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what a page is read from; as the list, unless a page shows more."""
        return self.get_queryset(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return a thing by its id.

        Raises:
            UnknownIdError: There is none.
        """
        found = self.get_page_queryset(request).filter(pk=parse(self.prefix, object_id)).first()
        if found is None:
            raise UnknownIdError
        return found

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; an id that is searched for leads to the thing itself, of whatever kind.

        Raises:
            ReadOnlyPageError: A form was sent.
        """
        self.require_reading(request)
        try:
            prefix, key = read(request.GET.get("q", "").strip())
        except UnknownIdError:
            return super().changelist_view(request, {"title": self.plural, **(extra_context or {})})
        return HttpResponseRedirect(path_of(prefix, key))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the page of a thing.

        Raises:
            ReadOnlyPageError: A form was sent.
            UnknownIdError: There is no such thing.
        """
        self.require_reading(request)
        return self.page(request, self.get_object(request, object_id), extra_context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse."""
        raise PermissionDenied

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Refuse."""
        raise PermissionDenied

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the thing's audit events, which are its only history.

        Raises:
            ReadOnlyPageError: A form was sent.
            UnknownIdError: This is not the id of such a thing.
        """
        self.require_reading(request)
        return HttpResponseRedirect(events_url(self.prefix, parse(self.prefix, object_id)))

    def require_reading(self, request: HttpRequest) -> None:
        """Refuse every method that could change something."""
        if request.method not in SAFE_METHODS:
            raise ReadOnlyPageError

    def page(self, request: HttpRequest, thing: Any, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show a thing."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "plural": self.plural,
            "title": self.heading(thing),
            "status": self.status(thing),
            "shown_id": show(self.prefix, thing.pk),
            "permalink": path_of(self.prefix, thing.pk),
            "events_url": "" if self.prefix is Prefix.AUDIT_EVENT else events_url(self.prefix, thing.pk),
            "sections": self.sections(request, thing),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.page_template, context)


def list_url(model: str, **filters: str) -> str:
    """Return the address of a list.

    Args:
        model: App and model, e.g. ``provisioning_run``.
        filters: Parameters of the list's filters.
    """
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(filters)}"


def events_url(prefix: Prefix, key: Any) -> str:
    """Return where the audit events of a thing are listed."""
    return list_url("audit_auditevent", object=show(prefix, key))


def told(error: SlipwayError) -> str:
    """Return an error as one text: what is wrong, and what to do."""
    return " ".join(filter(None, (error.detail, error.remedy)))
