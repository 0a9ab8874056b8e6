from platform_api.tenancy.models.log_in_throttles import LogInThrottle
from platform_api.tenancy.models.projects import Project, ProjectGroupPermission, ProjectUserPermission
from platform_api.tenancy.models.second_factors import RecoveryCode, SecondFactor
from platform_api.tenancy.models.sign_ons import SignOn
from platform_api.tenancy.models.teams import Team, TeamGroupPermission, TeamUserPermission
from platform_api.tenancy.models.tokens import ApiToken
from platform_api.tenancy.models.trust_rules import TrustRule, UsedIdentity
from platform_api.tenancy.models.users import User

__all__ = [
    "ApiToken",
    "LogInThrottle",
    "Project",
    "ProjectGroupPermission",
    "ProjectUserPermission",
    "RecoveryCode",
    "SecondFactor",
    "SignOn",
    "Team",
    "TeamGroupPermission",
    "TeamUserPermission",
    "TrustRule",
    "UsedIdentity",
    "User",
]
