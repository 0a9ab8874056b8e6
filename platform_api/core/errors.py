"""The families of refusal that every room speaks; core/http/problems maps a family to a status, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Whose concern something is."""

    team_id: UUID
    project_id: UUID | None = None


class SlipwayError(Exception):
    """A refusal that was foreseen: it has a permanent code, says what is wrong and what to do.

    A concrete error is defined beside the function that raises it. Its text reaches callers, so it never
    carries a secret. ``code`` is permanent: clients branch on it, and it names the page
    ``/docs/problems/{code}``.

    Attributes:
        code: Permanent snake_case name of the error.
        title: The same sentence each time this code is used.
        detail: What is wrong this time, in a person's words.
        remedy: What the caller can do about it; empty where nothing can be done.
        errors: Single findings, each with ``pointer`` (JSON pointer into the body), ``code``, ``detail``,
            ``remedy``.
        extras: Further members of the problem document; JSON values only.
        tenant: Team and project that the refusal concerns, where known; decides who may read its audit event.
        evidence: What auditors shall know of it beyond what the caller is told; JSON values, never a secret.
    """

    code: ClassVar[str] = ""
    title: ClassVar[str] = ""
    remedy: str = ""

    def __init_subclass__(cls, *, family: bool = False) -> None:
        """Refuse a concrete error without a code or a title."""
        super().__init_subclass__()
        if not family and not (cls.code and cls.title):
            msg = f"{cls.__qualname__} needs a code and a title"
            raise TypeError(msg)

    def __init__(
        self,
        detail: str = "",
        *,
        remedy: str | None = None,
        errors: Sequence[dict[str, Any]] = (),
        tenant: Tenant | None = None,
        evidence: Mapping[str, Any] | None = None,
        **extras: Any,
    ) -> None:
        self.detail = detail or self.title
        self.remedy = self.remedy if remedy is None else remedy
        self.errors = list(errors)
        self.extras = extras
        self.tenant = tenant
        self.evidence = dict(evidence or {})
        super().__init__(self.detail)


class MalformedError(SlipwayError, family=True):
    """What was sent cannot be read or stored: 400."""


class UnauthenticatedError(SlipwayError, family=True):
    """Nobody, or nobody any more: 401."""


class ForbiddenError(SlipwayError, family=True):
    """Known caller, missing right, on something that the caller may see: 403."""


class NotFoundError(SlipwayError, family=True):
    """Missing, or not for this caller's eyes; the answer never tells which: 404."""


class MethodError(SlipwayError, family=True):
    """The thing is there, but not for this HTTP method: 405."""


class NotAcceptableError(SlipwayError, family=True):
    """The caller takes only forms of answer that we do not have: 406."""


class ConflictError(SlipwayError, family=True):
    """Sound, but the present state forbids it: 409."""


class GoneError(SlipwayError, family=True):
    """It was there once and will not come back: 410."""


class PreconditionError(SlipwayError, family=True):
    """The caller judged by an older version: 412."""


class PreconditionMissingError(SlipwayError, family=True):
    """A change that could undo another's, without saying what it was judged by: 428."""


class MediaTypeError(SlipwayError, family=True):
    """The body is of a kind that is not read here: 415."""


class LengthMissingError(SlipwayError, family=True):
    """A body that does not say how long it is: 411."""


class AddressTooLongError(SlipwayError, family=True):
    """More address than is taken in one call: 414."""


class TooLargeError(SlipwayError, family=True):
    """More than is taken in one call: 413."""


class RefusedError(SlipwayError, family=True):
    """Well formed, but schema, policy or quota says no: 422."""


class RequestRefusedError(RefusedError):
    """What was asked for was read and judged, and each finding says what is in the way and what to do.

    One code for all stages, because a client does the same with each: it shows the findings. Schema findings come
    alone, policy and quota together; nothing was changed.
    """

    code = "request_refused"
    title = "The request was refused"
    remedy = "See errors: each says what is wrong and what to do."

    def __init__(
        self,
        detail: str = "",
        *,
        remedy: str | None = None,
        errors: Sequence[dict[str, Any]] = (),
        tenant: Tenant | None = None,
    ) -> None:
        what = "One thing is" if len(errors) == 1 else f"{len(errors)} things are"
        super().__init__(
            detail or f"{what} in the way. Nothing was changed.", remedy=remedy, errors=errors, tenant=tenant
        )


class ThrottledError(SlipwayError, family=True):
    """Too many calls in too short a time: 429."""


class FaultError(SlipwayError, family=True):
    """The platform's own fault; the caller learns no more than where to ask: 500."""


class UnavailableError(SlipwayError, family=True):
    """Try again later; something that is needed does not answer: 503."""
