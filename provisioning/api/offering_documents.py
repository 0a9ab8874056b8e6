"""Each offering as an OpenAPI document, so that a generated client knows what it lets a caller set."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.api.outdated import outdated_mark
from catalog.selectors.offerings import current_of, offering_get
from catalog.selectors.outdated import outdated_of
from platform_api.core.http.conditions import IF_NONE_MATCH, shown
from platform_api.core.http.document.headers import OUTDATED
from platform_api.core.http.document.operations import operation
from platform_api.tenancy.models.scopes import Scope
from provisioning.api.typed_orders import offering_document


class OfferingDocument(APIView):
    """The document of one offering, by its slug or id."""

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.CATALOG_READ}

    @operation("offering_document", responses={200: OpenApiTypes.OBJECT}, parameters=[IF_NONE_MATCH], headers=OUTDATED)
    def get(self, request: Request, offering: str) -> HttpResponse:
        """Show an offering as an OpenAPI 3.1 document: the typed order of its current version, and what follows it.

        Generate a client from it, and the client knows the plans, the parameters and their bounds. It changes with the
        offering's version: keep the ``ETag``, and ask with ``If-None-Match`` whether it is still so.
        """
        current = current_of(offering_get(offering=offering))
        return outdated_mark(shown(request, offering_document(current)), outdated_of(current))
