"""The API's docs page: anybody reads it; whoever has logged in can try the calls."""

from typing import Any

from django.contrib.auth import get_user
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from platform_api.core.http.security import DOCS_CONTENT_SECURITY_POLICY
from platform_api.tenancy.services.sessions import person_of_session


@method_decorator(never_cache, name="dispatch")  # its script carries the reader's CSRF token
class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI, with scripts and styles from files of our own."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer with the page, or with the script that starts it."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]  # drf-spectacular's views are untyped
        plain = request._request  # noqa: SLF001 - REST framework's own way to Django's request
        # The page asks nobody to log in, so REST framework has put its nobody into the request's user.
        response.data["person"] = person_of_session(user=get_user(plain), session=plain.session)
        response.headers["Content-Security-Policy"] = DOCS_CONTENT_SECURITY_POLICY
        return response
