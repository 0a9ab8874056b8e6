"""Teams: who pays and owns."""

from django.core.validators import RegexValidator
from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from platform_api.core.ids import new_id
from platform_api.tenancy.models.roles import ROLE_PERMISSIONS

SLUG_PATTERN = r"^[a-z][a-z0-9-]{0,38}[a-z0-9]\Z"
"""2 to 40 of a-z, 0-9 and hyphen; slugs become parts of physical names, so they are narrow."""

slug_validator = RegexValidator(
    SLUG_PATTERN, "Use 2 to 40 of: a-z, 0-9, hyphen; begin with a letter, do not end with a hyphen."
)


class Team(models.Model):
    """A group of people with projects and a quota of their own; never deleted, because the history names it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.CharField(max_length=40, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "team"
        ordering = ["slug"]
        default_permissions = ()
        permissions = ROLE_PERMISSIONS
        constraints = [
            models.CheckConstraint(condition=models.Q(slug__regex=SLUG_PATTERN), name="team_slug_is_sound"),
        ]

    def __str__(self) -> str:
        return self.slug


class TeamUserPermission(UserObjectPermissionBase):
    """A user's role on a team; a table of its own, so that its rows go by foreign key and not by text."""

    content_object = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="user_permissions")

    class Meta(UserObjectPermissionBase.Meta):
        db_table = "team_user_permission"


class TeamGroupPermission(GroupObjectPermissionBase):
    """A group's role on a team; groups come from the sign-on."""

    content_object = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="group_permissions")

    class Meta(GroupObjectPermissionBase.Meta):
        db_table = "team_group_permission"
