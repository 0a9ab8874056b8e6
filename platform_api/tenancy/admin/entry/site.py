"""The way in and out of the admin site: password and second factor, or the company's sign-on."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from platform_api.audit.services.refusals import refusal_record
from platform_api.core import row_scope
from platform_api.core.errors import SlipwayError, UnavailableError
from platform_api.core.http import problems
from platform_api.core.http.errors import MethodNotAllowedError, RouteMissingError, as_slipway_error
from platform_api.core.http.routes import route_of
from platform_api.tenancy.admin.entry.forms import CodeForm, EnrollForm, LogInForm
from platform_api.tenancy.admin.entry.sign_on import SignOnCallbackView, SignOnView
from platform_api.tenancy.admin.entry.visits import (
    Entering,
    come_in,
    comer,
    destination,
    entering_begin,
    entering_of,
    has_second_factor,
    key_of,
    nobody,
    person_of,
)
from platform_api.tenancy.admin.reading import told
from platform_api.tenancy.models import User
from platform_api.tenancy.services.log_in_throttles import LogInThrottledError, address_bucket, attempt_take
from platform_api.tenancy.services.second_factors import (
    CodeWrongError,
    key_address,
    key_text,
    recovery_codes_left,
    second_factor_enroll,
    second_factor_prove,
)
from platform_api.tenancy.services.sessions import (
    MEANS,
    PROVEN,
    LogInRefusedError,
    Means,
    password_prove,
    session_closed,
)

QR_PIXELS = 5
"""Of one module; a phone reads it from an arm's length."""


class EntrySite(AdminSite):
    """An admin site that people enter in steps; a step is answered only to who has taken those before.

    Whoever is in may call the API with the session too. The site itself is for overseers; others who log in are led to
    the API's docs.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        """Let overseers in whose session counts."""
        person = person_of(request)
        return person is not None and person.is_staff

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page shows: also whether who is in has shown a password and nothing else."""
        is_bare = person_of(request) is not None and request.session.get(MEANS) not in PROVEN
        return {**super().each_context(request), "wants_second_factor": is_bare and settings.SIGN_ON is None}

    def entry_urls(self) -> list[URLPattern]:
        """Return the addresses of the way in and out."""
        return [
            path("login/", self._step(self.login), name="login"),
            path("logout/", self._step(self.logout), name="logout"),
            path("login/code/", self._step(self.code, is_of_sign_on=False), name="code"),
            path("login/enroll/", self._step(self.enroll, is_of_sign_on=False), name="enroll"),
            path("login/enroll/qr.svg", self._step(self.enroll_qr, is_of_sign_on=False), name="enroll-qr"),
            path("sign-on/", self._step(SignOnView.as_view(), is_of_sign_on=True), name="sign-on"),
            path(
                "sign-on/callback/",
                self._step(SignOnCallbackView.as_view(), is_of_sign_on=True),
                name="sign-on-callback",
            ),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask for username and password, or lead to the sign-on."""
        person, wish = person_of(request), _wish(request)
        if request.method == "GET" and person is not None and person.is_staff:
            return HttpResponseRedirect(destination(person, wish))
        if settings.SIGN_ON is not None:
            return self._entry_page(request, "admin/entry/sign_on.html", "Log in", wish=wish)
        form = LogInForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                user = password_prove(**form.cleaned_data, caller=nobody(request))
            except LogInRefusedError as error:
                form.add_error(None, told(error))
            else:
                return self._let_on(request, user, wish)
        return self._entry_page(request, "admin/entry/login.html", "Log in", form=form, wish=wish)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # always a redirect
        """End the session here and in the database, and lead to the log-in.

        Raises:
            MethodNotAllowedError: A link was followed; that must log nobody out.
        """
        if request.method != "POST":
            raise MethodNotAllowedError("Log out by the button.")
        if isinstance(request.user, User):
            session_closed(user=request.user, caller=comer(request, request.user))
        logout(request)
        return HttpResponseRedirect(reverse("admin:login"))

    def code(self, request: HttpRequest) -> HttpResponse:
        """Ask for a code of the second factor."""
        entering = entering_of(request)
        if entering is None:
            return _over(request)
        user = entering.user
        if not has_second_factor(user):
            return HttpResponseRedirect(reverse("admin:enroll"))
        form = CodeForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                means = second_factor_prove(user=user, code=form.cleaned_data["code"], caller=comer(request, user))
            except CodeWrongError as error:
                form.add_error(None, told(error))
            else:
                come_in(request, user=user, means=means)
                if means is Means.RECOVERY_CODE:
                    left = recovery_codes_left(user=user)
                    messages.warning(request, f"That recovery code counts no more. You have {left} left.")
                return HttpResponseRedirect(destination(user, entering.wish))
        return self._entry_page(request, "admin/entry/code.html", "Second factor", form=form)

    def enroll(self, request: HttpRequest) -> HttpResponse:
        """Show the key of a new second factor, and take the first code of it."""
        entering = _enrolling(request)
        if entering is None:
            return _over(request)
        user = entering.user
        sealed, form = key_of(request, user), EnrollForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            code = form.cleaned_data["code"]
            try:
                codes = second_factor_enroll(user=user, sealed=sealed, code=code, caller=comer(request, user))
            except CodeWrongError as error:
                form.add_error(None, told(error))
            else:
                come_in(request, user=user, means=Means.CODE)
                onward = destination(user, entering.wish)
                return self._entry_page(
                    request,
                    "admin/entry/recovery_codes.html",
                    "Keep these codes",
                    codes=codes,
                    onward=onward,
                    available_apps=[],  # the one way on from here is the button
                )
        return self._entry_page(
            request,
            "admin/entry/enroll.html",
            "Set up your second factor",
            form=form,
            key=key_text(user=user, sealed=sealed),
            person=user,
            wants_second_factor=False,  # this is the page that the notice leads to
        )

    def enroll_qr(self, request: HttpRequest) -> HttpResponse:
        """Answer with the key as a picture, for the browser that enrolls and for nobody else.

        Raises:
            Http404: It does not enroll.
        """
        entering = _enrolling(request)
        if entering is None:
            raise Http404
        picture, user = BytesIO(), entering.user
        address = key_address(user=user, sealed=key_of(request, user))
        segno.make(address, error="m", micro=False).save(picture, kind="svg", scale=QR_PIXELS, light="white")
        return HttpResponse(picture.getvalue(), content_type="image/svg+xml")

    def refuse(self, request: HttpRequest, error: SlipwayError) -> HttpResponse:
        """Tell on a page what was refused."""
        context = {**self.each_context(request), "title": error.title, "error": error}
        return TemplateResponse(
            request,
            "admin/refusal.html",
            context,
            status=problems.status_of(error),
            headers=problems.headers_of(error),
        ).render()

    def _let_on(self, request: HttpRequest, user: User, wish: str | None) -> HttpResponse:
        """Lead somebody whose password was right to the second factor, or in where none is demanded."""
        is_enrolled = has_second_factor(user)
        if not is_enrolled and not settings.SECOND_FACTOR_REQUIRED:
            come_in(request, user=user, means=Means.PASSWORD)
            return HttpResponseRedirect(destination(user, wish))
        entering_begin(request, user=user, wish=wish)
        return HttpResponseRedirect(reverse("admin:code" if is_enrolled else "admin:enroll"))

    def _entry_page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        return TemplateResponse(request, template, {**self.each_context(request), "title": title, **context})

    def _step(
        self, view: Callable[[HttpRequest], HttpResponseBase], *, is_of_sign_on: bool | None = None
    ) -> Callable[[HttpRequest], HttpResponseBase]:
        """Return a step of the way in: kept by no cache, its refusals told on a page, and there only where it leads.

        Args:
            view: Answers it.
            is_of_sign_on: Whether it is there with a sign-on, or without one; None for both.
        """

        def step(request: HttpRequest) -> HttpResponseBase:
            if is_of_sign_on not in {None, settings.SIGN_ON is not None}:
                return self.refuse(request, RouteMissingError())
            try:
                with row_scope.platform():  # who comes is known only afterwards
                    return view(request)
            except (SlipwayError, Http404) as exc:
                error = as_slipway_error(exc)
                if is_of_sign_on and not isinstance(error, UnavailableError):
                    error = _recorded(request, error)
                return self.refuse(request, error)

        return never_cache(csrf_protect(sensitive_post_parameters()(step)))


def _recorded(request: HttpRequest, error: SlipwayError) -> SlipwayError:
    """Record that a sign-on was refused; an address that had too many refused is told so, and recorded no more."""
    caller = nobody(request)
    try:
        with row_scope.platform():
            attempt_take(address_bucket(caller.ip), caller=caller)
    except LogInThrottledError as throttled:
        return throttled
    refusal_record(error=error, caller=caller, route=route_of(request))
    return error


def _wish(request: HttpRequest) -> str | None:
    """Return where somebody wants to go; None unless it is on this host."""
    wish = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME)
    is_ours = url_has_allowed_host_and_scheme(wish, {request.get_host()}, require_https=request.is_secure())
    return wish if is_ours else None


def _enrolling(request: HttpRequest) -> Entering | None:
    """Return who may enroll a second factor: who has none, and is on the way in or came in without."""
    person = person_of(request)
    found = Entering(person, None) if person is not None else entering_of(request)
    return found if found is not None and not has_second_factor(found.user) else None


def _over(request: HttpRequest) -> HttpResponse:
    messages.error(request, "That took too long, or was done already. Begin again with your password.")
    return HttpResponseRedirect(reverse("admin:login"))
