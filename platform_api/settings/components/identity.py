"""How people log in: by the company's sign-on (OpenID Connect) where one is named, else by password and code."""

from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from platform_api.settings import env


@dataclass(frozen=True, kw_only=True)
class SignOnSettings:
    """The provider, and what its word counts for here.

    Attributes:
        issuer: Its name in its tokens, and where its configuration is found.
        client_id: What it knows us by.
        client_secret: What we prove that with.
        scopes: What we ask it to tell.
        groups_claim: Where it tells a person's groups.
        auditor_groups: Groups whose people are auditors.
        admin_groups: Groups whose people are platform admins.
        creates_users: Whether a person whom nobody made a user for becomes one at the first log-in.
    """

    issuer: str
    client_id: str
    client_secret: str
    scopes: str
    groups_claim: str
    auditor_groups: frozenset[str]
    admin_groups: frozenset[str]
    creates_users: bool


def sign_on() -> SignOnSettings | None:
    """Return the provider; None where people log in by password.

    Raises:
        ImproperlyConfigured: The issuer is no https address, or what belongs to it is missing.
    """
    issuer = env.text("SLIPWAY_OIDC_ISSUER", default="")
    if not issuer:
        return None
    if not env.is_issuer(issuer):
        msg = f"SLIPWAY_OIDC_ISSUER must be an https address, as the provider names itself; it is {issuer!r}."
        raise ImproperlyConfigured(msg)
    return SignOnSettings(
        issuer=issuer,
        client_id=env.text("SLIPWAY_OIDC_CLIENT_ID"),
        client_secret=env.secret("SLIPWAY_OIDC_CLIENT_SECRET"),
        scopes=env.text("SLIPWAY_OIDC_SCOPES", default="openid profile email"),
        groups_claim=env.text("SLIPWAY_OIDC_GROUPS_CLAIM", default="groups"),
        auditor_groups=frozenset(env.words("SLIPWAY_OIDC_AUDITOR_GROUPS")),
        admin_groups=frozenset(env.words("SLIPWAY_OIDC_ADMIN_GROUPS")),
        creates_users=env.flag("SLIPWAY_OIDC_CREATE_USERS", default=True),
    )


def authentication_backends(*, has_sign_on: bool) -> list[str]:
    """Return who vouches for people: one of both, so that a password is no way around the sign-on."""
    people = (
        "platform_api.tenancy.admin.entry.sign_on.SignOnBackend"
        if has_sign_on
        else "django.contrib.auth.backends.ModelBackend"
    )
    return [people, "guardian.backends.ObjectPermissionBackend"]
