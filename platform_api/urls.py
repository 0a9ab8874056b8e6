"""All addresses of the service."""

from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from governance.services.policies import policy_check
from platform_api import admin
from platform_api.core.http import health, metrics, problem_pages
from platform_api.core.http.health import Dependency
from platform_api.tenancy.api.docs import DocsView
from provisioning.api.figures import RunFigures

DEPENDENCIES = {
    "database": Dependency(check=health.database_check),
    # Without it calls are answered and orders taken; what is accepted waits until it is back.
    "broker": Dependency(check=health.broker_check, is_needed=False),
    "policy_helper": Dependency(check=policy_check),
    "sealing_keys": Dependency(check=health.sealing_check),
}
"""What the API works with, as ``/health/ready`` names it."""

# In this order an address is looked for: first what is asked for most.
urlpatterns = [
    path("api/v1/", include("provisioning.api.urls")),
    path("api/v1/", include("catalog.api.urls")),
    path("api/v1/", include("platform_api.tenancy.api.urls")),
    path("api/v1/", include("governance.api.urls")),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ReadyView.as_view(dependencies=DEPENDENCIES), name="health-ready"),
    path("metrics", metrics.page, {"also": (RunFigures(),)}, name="metrics"),
    path("favicon.ico", RedirectView.as_view(url="/static/slipway/favicon.svg", permanent=True)),
    path("admin/", admin.site.urls),
    path("docs/", DocsView.as_view(url_name="openapi"), name="docs"),
    path("docs/problems/", problem_pages.index, name="problems"),
    path("docs/problems/<slug:code>", problem_pages.page, name="problem"),
    path("docs/openapi.yaml", SpectacularAPIView.as_view(), name="openapi"),
]

handler400 = "platform_api.core.http.handlers.bad_request"
handler403 = "platform_api.core.http.handlers.forbidden"
handler404 = "platform_api.core.http.handlers.not_found"
handler500 = "platform_api.core.http.handlers.server_error"
