"""The other reference: one resource by a ModelSerializer view with REST framework's own tokens, as most would write it.

A Django project in one file, on a database of its own: ``PLAIN_DATABASE_URL``. ``make`` makes tables, a resource and a
token.
"""

import os
import uuid
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from psycopg.conninfo import conninfo_to_dict

_PARTS = conninfo_to_dict(os.environ["PLAIN_DATABASE_URL"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _PARTS["dbname"],
            "USER": _PARTS["user"],
            "PASSWORD": _PARTS["password"],
            "HOST": _PARTS["host"],
            "PORT": _PARTS["port"],
            "CONN_MAX_AGE": None,
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework.authtoken",
    ],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="benchmark only",  # noqa: S106 - nothing is signed
    USE_TZ=True,
)
django.setup()

from django.db import connection, models  # noqa: E402 - Django is configured first
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402


class Project(models.Model):
    """Whose it is."""

    objects: models.Manager["Project"] = models.Manager()
    slug = models.CharField(max_length=40)

    class Meta:
        app_label = "benchmarks"

    def __str__(self) -> str:
        return self.slug


class Resource(models.Model):
    """What exists; the columns that callers of Slipway's see."""

    objects: models.Manager["Resource"] = models.Manager()
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    name = models.CharField(max_length=40)
    kind = models.CharField(max_length=32)
    status = models.CharField(max_length=16)
    desired = models.CharField(max_length=16)
    offering = models.CharField(max_length=40)
    version = models.CharField(max_length=20)
    plan = models.CharField(max_length=40)
    environment = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict)
    outputs = models.JSONField(default=dict)
    delete_protected = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    monthly_amount = models.DecimalField(max_digits=12, decimal_places=2)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "benchmarks"

    def __str__(self) -> str:
        return self.name


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    """All columns."""

    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]  # generic in the stubs only

    class Meta:
        model = Resource
        fields = "__all__"


class ResourceView(generics.RetrieveAPIView[Resource]):
    """One resource."""

    queryset = Resource.objects.select_related("project")
    serializer_class = ResourceSerializer


urlpatterns = [path("resources/<uuid:pk>", ResourceView.as_view())]
application = get_wsgi_application()


def make() -> tuple[str, str]:
    """Make the tables, a resource and a token; return the resource's path and the token."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from rest_framework.authtoken.models import Token

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Project)
        editor.create_model(Resource)
    words: dict[str, Any] = {
        "name": "orders", "kind": "database", "status": "ready", "desired": "present",
        "offering": "postgres-database", "version": "1.0.0", "plan": "small", "environment": "default",
    }  # fmt: skip
    resource = Resource.objects.create(
        project=Project.objects.create(slug="checkout"),
        monthly_amount="9.00",
        parameters={"connection_limit": 20, "statement_timeout_seconds": 30},
        outputs={"host": "127.0.0.1", "port": 5432, "database": "checkout_orders", "username": "checkout_orders"},
        **words,
    )
    token = Token.objects.create(user=User.objects.create(username="bench"))
    return f"/resources/{resource.pk}", token.key
