"""Users: people and services that act; never deleted, because the history names them."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.utils.crypto import salted_hmac

from platform_api.core.ids import new_id

USERNAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]\Z"


username_validator = RegexValidator(
    USERNAME_PATTERN, "Use 2 to 64 of: a-z, 0-9, dot, hyphen, underscore; begin and end with a letter or digit."
)


class UserKind(models.TextChoices):
    """What stands behind a user."""

    HUMAN = "human", "Person"
    SERVICE = "service", "Service"


class UserManager(BaseUserManager["User"]):
    """Finds users by the name they log in with; making them is a service's work."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user whose log-in name this is."""
        return self.get(username=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person or a service. Overseers' roles are flags here; roles on teams and projects are permissions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    username = models.CharField(max_length=64, unique=True, validators=[username_validator])
    name = models.CharField(max_length=200, blank=True, help_text="How others read it, e.g. Dana Doe.")
    email = models.EmailField(blank=True)
    kind = models.CharField(max_length=16, choices=UserKind, default=UserKind.HUMAN)
    is_active = models.BooleanField(default=True, help_text="Off ends all access at once; users are never deleted.")
    is_auditor = models.BooleanField(default=False, help_text="Reads everything, changes nothing.")
    is_platform_admin = models.BooleanField(default=False, help_text="Runs the platform.")
    session_generation = models.PositiveIntegerField(
        db_default=0,
        help_text="Raised to end every session of the user: one counts only with the number it began with.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        db_table = "tenancy_user"
        ordering = ["username"]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=UserKind.values), name="tenancy_user_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(kind=UserKind.HUMAN)
                | models.Q(is_platform_admin=False, is_auditor=False, is_superuser=False),
                name="tenancy_user_overseers_are_people",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return what a session must carry to count; Django compares it with each request."""
        kept = f"{self.password}:{self.session_generation}"
        return salted_hmac("platform_api.tenancy.session", kept, secret=secret, algorithm="sha256").hexdigest()

    @property
    def is_overseer(self) -> bool:
        """Whether everything is theirs to see."""
        return self.is_auditor or self.is_platform_admin

    @property
    def is_staff(self) -> bool:
        """May open the admin site: overseers, and nobody else."""
        return self.is_active and self.is_overseer
