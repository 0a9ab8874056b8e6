"""What platform admins change on the admin site: by forms that hand over to a service, which writes the audit event."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from platform_api.audit.services.refusals import refusal_record
from platform_api.core.admin.cells import path_of
from platform_api.core.callers import Caller
from platform_api.core.errors import ConflictError, SlipwayError
from platform_api.core.http.routes import route_of
from platform_api.tenancy.admin.reading import SAFE_METHODS, ReadOnlyAdmin, caller_of, told, user_of


class FormNotApplicableError(ConflictError):
    """A form was sent that the thing's page does not have, or has no more."""

    code = "form_not_applicable"
    title = "This cannot be done to it as it is now"
    remedy = "Open its page again: it tells where the thing stands, and has the form for what can be done."


class AdminForm(forms.Form):
    """One thing that a platform admin does.

    Attributes:
        title: Heading of the form, and text of the button: what is done.
        done: What is said afterwards.
        warning: What a person should know before.
    """

    title: ClassVar[str]
    done: ClassVar[str]
    warning: ClassVar[str] = ""

    @classmethod
    def initial_of(cls, thing: Any) -> dict[str, Any]:
        """Return what the fields show of a thing; never a secret."""
        return {}

    @classmethod
    def applies_to(cls, thing: Any) -> bool:
        """Tell whether this can be done to a thing as it is now."""
        return True

    def save(self, *, thing: Any, caller: Caller) -> Any:
        """Do it, by one call of a service; returns the thing, or what there is to tell of it.

        Raises:
            SlipwayError: It is refused; nothing was changed.
        """
        raise NotImplementedError


class ManagedAdmin(ReadOnlyAdmin):
    """A list and pages that auditors read, and on which platform admins add and change; nobody deletes.

    Attributes:
        add_form: How such a thing is made; None where that is not done here.
        change_form: What can be done to it; None for nothing.
    """

    add_form_class: ClassVar[type[AdminForm] | None] = None
    change_form_class: ClassVar[type[AdminForm] | None] = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let platform admins add."""
        return self.add_form_class is not None and user_of(request).is_platform_admin

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let platform admins change."""
        return self.change_form_class is not None and user_of(request).is_platform_admin

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form for a new thing, and make it.

        Raises:
            PermissionDenied: The user is no platform admin.
        """
        if self.add_form_class is None or not self.has_add_permission(request):
            raise PermissionDenied
        if request.method in SAFE_METHODS:
            return self._form_page(request, self.add_form_class())
        form = self.add_form_class(request.POST)
        made = self._save(request, form, None)
        if made is None:
            return self._form_page(request, form)
        return self.added(request, form, made)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the page of a thing, with the form for those who may change it, and change it.

        Raises:
            PermissionDenied: A form was sent by somebody else.
            FormNotApplicableError: A form was sent that does not apply to the thing.
            UnknownIdError: There is no such thing.
        """
        form_class, is_reading = self.change_form_class, request.method in SAFE_METHODS
        if form_class is None or not self.has_change_permission(request):
            if not is_reading:
                raise PermissionDenied
            return super().change_view(request, object_id)
        thing = self.get_object(request, object_id)
        if not form_class.applies_to(thing):
            if not is_reading:
                raise FormNotApplicableError
            return self.page(request, thing, {"form": None})
        if is_reading:
            return self.page(request, thing, {"form": form_class(initial=form_class.initial_of(thing))})
        bound = form_class(request.POST)
        if self._save(request, bound, thing) is None:
            return self.page(request, self.get_object(request, object_id), {"form": bound})
        messages.success(request, bound.done)
        return HttpResponseRedirect(request.path)

    def added(self, request: HttpRequest, form: AdminForm, made: Any) -> HttpResponse:
        """Lead to the page of what was made."""
        messages.success(request, form.done)
        return HttpResponseRedirect(path_of(self.prefix, made.pk))

    def _save(self, request: HttpRequest, form: AdminForm, thing: Any) -> Any:
        """Return what the service returned; None where it refused, as the form says then, and the history."""
        if not form.is_valid():
            return None
        caller = caller_of(request)
        try:
            return form.save(thing=thing, caller=caller)
        except SlipwayError as error:
            form.add_error(None, told(error))
            refusal_record(error=error, caller=caller, route=route_of(request))
            return None

    def _form_page(self, request: HttpRequest, form: AdminForm) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "plural": self.plural,
            "title": form.title,
            "form": form,
        }
        return TemplateResponse(request, "admin/form.html", context)
