"""Second factors: a person's authenticator, and the codes for the day it is lost.

django-otp's own tables keep keys and recovery codes in clear, so these take their place; the arithmetic is its own.
"""

from django.db import models

from platform_api.core.ids import new_id
from platform_api.tenancy.models.users import User


class SecondFactor(models.Model):
    """An authenticator app that a person has shown to have. Its key is sealed; a code of it counts once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="second_factor")
    sealed_key = models.BinaryField()
    last_step = models.BigIntegerField(help_text="Number of the 30 seconds whose code was last used.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "second_factor"
        default_permissions = ()


class RecoveryCode(models.Model):
    """A code that stands in for the authenticator, once; what is kept of it is its SHA-256."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    second_factor = models.ForeignKey(SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "recovery_code"
        default_permissions = ()
