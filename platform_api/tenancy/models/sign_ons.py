"""Sign-ons: who a person is to the company's identity provider."""

from django.db import models

from platform_api.core.ids import new_id
from platform_api.tenancy.models.users import User


class SignOn(models.Model):
    """The name that a provider will never give to anybody else. An e-mail address is no such name: it moves on."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sign_ons")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "sign_on"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="sign_on_names_one_user")]

    def __str__(self) -> str:
        return self.subject
