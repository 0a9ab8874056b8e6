"""Projects: the unit of tenancy inside a team; every row that a tenant can read carries its project."""

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from platform_api.core.errors import Tenant
from platform_api.core.ids import new_id
from platform_api.tenancy.models.roles import ROLE_PERMISSIONS
from platform_api.tenancy.models.teams import SLUG_PATTERN, Team, slug_validator


class Project(models.Model):
    """What a team builds; its slug is unique in the installation, so that people and scripts can say it alone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="projects")
    slug = models.CharField(max_length=40, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "project"
        ordering = ["slug"]
        default_permissions = ()
        permissions = ROLE_PERMISSIONS
        constraints = [
            models.CheckConstraint(condition=models.Q(slug__regex=SLUG_PATTERN), name="project_slug_is_sound"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def tenant(self) -> Tenant:
        """Whose concern it is when something about the project is refused."""
        return Tenant(team_id=self.team_id, project_id=self.pk)


class ProjectUserPermission(UserObjectPermissionBase):
    """A user's role on one project."""

    content_object = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="user_permissions")

    class Meta(UserObjectPermissionBase.Meta):
        db_table = "project_user_permission"


class ProjectGroupPermission(GroupObjectPermissionBase):
    """A group's role on one project."""

    content_object = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="group_permissions")

    class Meta(GroupObjectPermissionBase.Meta):
        db_table = "project_group_permission"
