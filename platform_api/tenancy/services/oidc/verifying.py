"""From the text of a token to the job that it tells of, when signature, issuer, audience and times are right."""

import binascii
import hashlib
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import jwt
import msgspec
from django.conf import settings
from msgspec import Meta

from platform_api.core import clock
from platform_api.tenancy.models.identities import CiIdentity, IssuerKind
from platform_api.tenancy.services.oidc.keys import IdentityTokenError, KeyRing

LEEWAY = timedelta(seconds=60)
"""How far the clocks of a CI system and of this one may be apart."""

ALGORITHMS = ("RS256", "ES256")

_Text = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
_Number = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,18}\Z")]
_Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]  # to the end of the year 9999
_Id = Annotated[int, Meta(ge=1)] | _Number
_Yes = bool | Literal["true", "false"]


class _Header(msgspec.Struct):
    alg: Literal["RS256", "ES256"]
    kid: _Text
    crit: list[Any] | None = None


class _Issuer(msgspec.Struct):
    iss: _Text


class _Claims(msgspec.Struct, kw_only=True):
    iss: _Text
    sub: Annotated[str, Meta(min_length=1, max_length=1000)]
    aud: _Text | Annotated[list[_Text], Meta(min_length=1, max_length=1)]
    exp: _Seconds
    nbf: _Seconds
    iat: _Seconds
    jti: _Text


class _GitHub(_Claims, kw_only=True):
    repository: _Text
    repository_id: _Id
    ref: _Text
    event_name: _Text
    run_id: _Id
    actor: _Text
    ref_protected: _Yes = False
    environment: _Text | None = None


class _GitLab(_Claims, kw_only=True):
    project_path: _Text
    project_id: _Id
    ref: _Text
    ref_type: Literal["branch", "tag"]
    pipeline_source: _Text
    pipeline_id: _Id
    user_login: _Text
    ref_protected: _Yes = False
    environment: _Text | None = None


Part = TypeVar("Part", bound=msgspec.Struct)


def identity_verify(*, presented: str) -> CiIdentity:
    """Return the job that a token tells of, if a trusted issuer made it for this installation and for now.

    Whether it was used before, and whether anybody trusts that job, is not judged here.

    Args:
        presented: A signed JSON Web Token; secret as long as it is in force.

    Raises:
        IdentityTokenError: Says what is wrong with the token, and nothing about whom this installation trusts.
        IssuerKeysError: The issuer's keys cannot be had.
    """
    header_part, payload_part = _parts(presented)
    header = _read(header_part, _Header, "Its header is not that of a token signed with RS256 or ES256 and a key id.")
    issuer = settings.CI_ISSUERS.get(_read(payload_part, _Issuer, "It does not say who made it.").iss)
    if issuer is None:
        raise IdentityTokenError("Nothing that its issuer makes is taken here.")
    if header.crit is not None:
        raise IdentityTokenError("Its header demands an extension that is not known here.")
    kind = IssuerKind(issuer.kind)
    key = _ring(issuer.url, kind).key(header.kid)
    if header.alg != key.algorithm_name:
        raise IdentityTokenError("Its algorithm is not that of the key that it names.")
    try:
        payload: bytes = jwt.PyJWS(algorithms=ALGORITHMS).decode(presented, key, algorithms=[key.algorithm_name])
    except jwt.PyJWTError as error:
        raise IdentityTokenError("Its signature does not fit.") from error
    return _identity(payload, kind=kind, audience=issuer.audience)


def _identity(payload: bytes, *, kind: IssuerKind, audience: str) -> CiIdentity:
    said = "A claim is missing, or is not what it should be"
    if kind is IssuerKind.GITHUB:
        github = _claims(payload, _GitHub, said)
        job: dict[str, Any] = {
            "repository_id": str(github.repository_id),
            "repository": github.repository,
            "ref": github.ref,
            "event": github.event_name,
            "run_id": str(github.run_id),
            "actor": github.actor,
        }
        claims: _GitHub | _GitLab = github
    else:
        gitlab = _claims(payload, _GitLab, said)
        job = {
            "repository_id": str(gitlab.project_id),
            "repository": gitlab.project_path,
            "ref": f"refs/{'heads' if gitlab.ref_type == 'branch' else 'tags'}/{gitlab.ref}",
            "event": gitlab.pipeline_source,
            "run_id": str(gitlab.pipeline_id),
            "actor": gitlab.user_login,
        }
        claims = gitlab
    _judge(claims, audience=audience)
    return CiIdentity(
        issuer=claims.iss,
        kind=kind,
        is_ref_protected=claims.ref_protected in {True, "true"},
        environment=claims.environment,
        use_key=hashlib.sha256(f"{claims.iss}\n{claims.jti}".encode()).hexdigest(),
        expires_at=_moment(claims.exp),
        **job,
    )


def _judge(claims: _Claims, *, audience: str) -> None:
    """Refuse what is for somebody else, or for another time."""
    if claims.aud not in (audience, [audience]):
        msg = f"It is made for another audience than {audience}, or for others besides."
        raise IdentityTokenError(msg)
    now = clock.now()
    if _moment(claims.exp) + LEEWAY <= now:
        msg = f"It expired at {_moment(claims.exp):%Y-%m-%d %H:%M:%S} UTC."
        raise IdentityTokenError(msg)
    if max(_moment(claims.nbf), _moment(claims.iat)) - LEEWAY > now:
        raise IdentityTokenError("It is made for later, or the clocks of its issuer and of this service are apart.")
    if claims.exp <= claims.iat:
        raise IdentityTokenError("It ends before it begins.")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _parts(presented: str) -> tuple[bytes, bytes]:
    parts = presented.split(".")
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004 - header, payload, signature
        raise IdentityTokenError("This is no signed token: three parts with dots between.")
    try:
        header, payload, _ = (urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4)) for part in parts)
    except (binascii.Error, ValueError) as error:
        raise IdentityTokenError("Its parts are not in base 64.") from error
    return header, payload


def _read(part: bytes, kind: type[Part], otherwise: str) -> Part:
    try:
        return msgspec.json.decode(part, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IdentityTokenError(otherwise) from error


def _claims(payload: bytes, kind: type[Part], otherwise: str) -> Part:
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.ValidationError as error:
        path = str(error).partition(" - at ")[2] or str(error)
        msg = f"{otherwise}: {path[:120]}."
        raise IdentityTokenError(msg) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IdentityTokenError(f"{otherwise}.") from error


@cache
def _ring(url: str, kind: IssuerKind) -> KeyRing:
    """Return the keys of an issuer; issuers are few, and named by the settings."""
    return KeyRing(url=url, kind=kind)
