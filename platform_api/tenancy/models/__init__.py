from platform_api.tenancy.models.projects import Project, ProjectGroupPermission, ProjectUserPermission
from platform_api.tenancy.models.teams import Team, TeamGroupPermission, TeamUserPermission
from platform_api.tenancy.models.tokens import ApiToken
from platform_api.tenancy.models.trust_rules import TrustRule, UsedIdentity
from platform_api.tenancy.models.users import User

__all__ = [
    "ApiToken",
    "Project",
    "ProjectGroupPermission",
    "ProjectUserPermission",
    "Team",
    "TeamGroupPermission",
    "TeamUserPermission",
    "TrustRule",
    "UsedIdentity",
    "User",
]
