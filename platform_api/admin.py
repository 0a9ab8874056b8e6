"""The admin site as a whole: who may enter, what is on it in which order, and how it answers.

Auditors read; platform admins also change what ``ManagedAdmin`` lets them. ``User.is_staff`` says who is either of
them, and nothing but a role makes it true.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, TypeVar, cast

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, include, path, re_path, reverse

from catalog.admin.connections import ConnectionAdmin
from catalog.admin.offerings import OfferingAdmin, OfferingVersionAdmin
from governance.admin.quotas import QuotaAdmin
from platform_api.audit.services.refusals import refusal_record
from platform_api.core import row_scope
from platform_api.core.errors import SlipwayError
from platform_api.core.http.errors import as_slipway_error
from platform_api.core.http.routes import route_of
from platform_api.core.ids import UnknownIdError, read
from platform_api.tenancy.admin.entry.site import EntrySite
from platform_api.tenancy.admin.events import AuditEventAdmin
from platform_api.tenancy.admin.projects import ProjectAdmin
from platform_api.tenancy.admin.reading import SAFE_METHODS, ReadOnlyAdmin, ReadOnlyPageError, caller_of, list_url
from platform_api.tenancy.admin.teams import TeamAdmin
from platform_api.tenancy.admin.tokens import ApiTokenAdmin
from platform_api.tenancy.admin.trust_rules import TrustRuleAdmin
from platform_api.tenancy.admin.users import UserAdmin
from provisioning.admin.environments import EnvironmentAdmin
from provisioning.admin.requests import ProvisioningRequestAdmin
from provisioning.admin.resources import ResourceAdmin
from provisioning.admin.runs import RunAdmin

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


@dataclass(frozen=True)
class Chapter:
    """Lists that belong together in the navigation."""

    title: str
    lists: Sequence[type[ReadOnlyAdmin]]


CHAPTERS = (
    Chapter("What happened", (ProvisioningRequestAdmin, RunAdmin, ResourceAdmin, EnvironmentAdmin, AuditEventAdmin)),
    Chapter("Who may", (TeamAdmin, ProjectAdmin, UserAdmin, ApiTokenAdmin, TrustRuleAdmin)),
    Chapter("What with", (OfferingAdmin, OfferingVersionAdmin, QuotaAdmin, ConnectionAdmin)),
)
"""Everything that is on the site, in the order of its navigation."""


class SlipwayAdminSite(EntrySite):
    """Django's admin site with pages of our own.

    Every page is made in a transaction that PostgreSQL itself holds to reading, so that no page can change what it
    shows; only a form that was sent is answered without. What is refused is told on a page, and a refused form is
    recorded.
    """

    site_title = site_header = "Slipway"
    index_title = "Admin site"
    enable_nav_sidebar = False

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Return the navigation: chapters and their lists, as Django's templates know apps and models."""
        if not self.has_permission(request):
            return []
        return [
            {"name": chapter.title, "models": [self._listed(request, each.of) for each in chapter.lists]}
            for chapter in CHAPTERS
        ]

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Return the site's addresses; those of a list are Django's."""
        lists: list[URLResolver | URLPattern] = [
            path(f"{model._meta.app_label}/{model._meta.model_name}/", include(model_admin.urls))  # noqa: SLF001 - Django's
            for model, model_admin in self._registry.items()
        ]
        return [
            path("", self._page(self.index), name="index"),
            *self.entry_urls(),
            path("find/", self._page(self.find), name="find"),
            path("id/<str:shown>/", self._page(self.thing), name="thing"),
            *lists,
            re_path(r"(?P<url>.*)\Z", self._page(self.catch_all_view)),
        ]

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # noqa: FBT001, FBT002 - Django's signature
        """Let only overseers through, hold pages to reading, and turn what is refused into a page."""
        guarded = super().admin_view(view, cacheable)

        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if not self.has_permission(request):
                    return _rendered(guarded(request, *args, **kwargs))
                held = _reading() if request.method in SAFE_METHODS else nullcontext()
                with row_scope.bound(caller_of(request).row_scope), held:
                    return _rendered(guarded(request, *args, **kwargs))
            except (SlipwayError, PermissionDenied, SuspiciousOperation, Http404) as exc:
                return self._refuse(request, as_slipway_error(exc))

        return cast("View", update_wrapper(answer, view))

    def find(self, request: HttpRequest) -> HttpResponse:
        """Lead from an id to its thing, and from anything else to the requests that it is searched in."""
        text = request.GET.get("q", "").strip()
        try:
            read(text)
        except UnknownIdError:
            return HttpResponseRedirect(list_url("provisioning_provisioningrequest", q=text))
        return HttpResponseRedirect(reverse("admin:thing", args=[text]))

    def thing(self, request: HttpRequest, shown: str) -> HttpResponse:
        """Lead to the page of a thing; this is the address that other systems keep.

        Raises:
            UnknownIdError: No id, or of a kind that has no page.
        """
        prefix, _key = read(shown)
        for model, model_admin in self._registry.items():
            if isinstance(model_admin, ReadOnlyAdmin) and model_admin.prefix is prefix:
                name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"  # noqa: SLF001 - Django's
                return HttpResponseRedirect(reverse(name, args=[shown]))
        raise UnknownIdError(f"Ids that begin with {prefix.value}_ have no page here.")

    def _page(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
        """Return a view of the site's own, to which no form can be sent."""

        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in SAFE_METHODS:
                raise ReadOnlyPageError
            return view(request, *args, **kwargs)

        return self.admin_view(update_wrapper(page, view))

    def _listed(self, request: HttpRequest, model: Any) -> dict[str, Any]:
        model_admin = self._registry[model]
        if not isinstance(model_admin, ReadOnlyAdmin):
            raise TypeError("every list of this site is built on ReadOnlyAdmin")
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")  # noqa: SLF001 - Django's
        return {
            "name": model_admin.plural,
            "about": model_admin.about,
            "admin_url": url,
            "is_current": request.path.startswith(url),
        }

    def _refuse(self, request: HttpRequest, error: SlipwayError) -> HttpResponse:
        if request.method not in SAFE_METHODS:
            refusal_record(error=error, caller=caller_of(request), route=route_of(request))
        return self.refuse(request, error)


@contextmanager
def _reading() -> Iterator[None]:
    """Have PostgreSQL refuse every change within."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield


def _rendered(response: Any) -> HttpResponse:
    """Have a page made now, and not after its transaction."""
    answer: HttpResponse = response.render() if isinstance(response, TemplateResponse) else response
    return answer


def site_make() -> SlipwayAdminSite:
    """Return the site with everything that is on it."""
    made = SlipwayAdminSite(name="admin")
    for chapter in CHAPTERS:
        for each in chapter.lists:
            made.register(each.of, each)
    return made


site = site_make()
