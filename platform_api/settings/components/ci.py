"""CI systems whose jobs log in with tokens that the system itself signs."""

from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from platform_api.settings import env

KINDS = ("github", "gitlab")


@dataclass(frozen=True, kw_only=True)
class TrustedIssuer:
    """A CI system.

    Attributes:
        url: What its tokens say in ``iss``, letter for letter; its keys are fetched from below it.
        kind: ``github`` or ``gitlab``: what its claims are called.
        audience: What its tokens have to say in ``aud``; of this installation alone.
    """

    url: str
    kind: str
    audience: str


def trusted_issuers() -> dict[str, TrustedIssuer]:
    """Return the issuers of ``SLIPWAY_CI_ISSUERS`` by their address; none by default.

    Raises:
        ImproperlyConfigured: An entry is not of the form ``KIND URL AUDIENCE``, or an address is neither https nor on
            this machine.
    """
    issuers = {}
    for entry in env.words("SLIPWAY_CI_ISSUERS"):
        words = entry.split()
        if len(words) != 3 or words[0] not in KINDS or not env.is_issuer(words[1]):  # noqa: PLR2004 - kind, address, audience
            msg = f"SLIPWAY_CI_ISSUERS is a comma-separated list of: github|gitlab https://… AUDIENCE; not {entry!r}."
            raise ImproperlyConfigured(msg)
        kind, url, audience = words
        issuers[url] = TrustedIssuer(url=url, kind=kind, audience=audience)
    return issuers
