"""What a caller has seen of a thing that it is about to change: compared where the change is made, never before."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from django.db.models import F, QuerySet

from platform_api.core.errors import PreconditionError, PreconditionMissingError, Tenant


class VersionMismatchError(PreconditionError):
    """The thing is not, or not any more, what the caller's condition says; nothing was changed."""

    code = "version_mismatch"
    title = "It is not as you have seen it"
    remedy = "Read it again, decide again, and send its new ETag."


class IfMatchMissingError(PreconditionMissingError):
    """A change that could undo what somebody else has just changed, by a caller who does not say what it has seen."""

    code = "if_match_required"
    title = "This change needs an If-Match header"
    remedy = "Read the thing first and send its ETag: If-Match: <ETag>. If-Match: * changes it whatever it is by now."


class Expectation(Enum):
    """What a condition says."""

    WHATEVER = auto()
    """Nothing; the change is sound without."""
    UNSAID = auto()
    """Nothing, though the change is not sound without."""
    NOTHING = auto()
    """That there is none yet."""
    SOMETHING = auto()
    """That there is one."""
    VERSION = auto()
    """That it is one of some versions."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A caller's condition.

    Attributes:
        expectation: What it says.
        versions: Versions of the row that the caller has seen; the row's own trigger counts them.
    """

    expectation: Expectation
    versions: frozenset[int] = field(default_factory=frozenset)

    def require(self, version: int | None, *, tenant: Tenant) -> None:
        """Compare with what is there, which has to be locked, or may not change by what follows.

        Args:
            version: Of the row; None where there is none.
            tenant: Whose concern a refusal is.

        Raises:
            VersionMismatchError: It is something else.
            IfMatchMissingError: The caller had to say what it has seen.
        """
        if self.expectation is Expectation.UNSAID:
            raise IfMatchMissingError(tenant=tenant)
        is_so = {
            Expectation.WHATEVER: True,
            Expectation.NOTHING: version is None,
            Expectation.SOMETHING: version is not None,
            Expectation.VERSION: version in self.versions,
        }[self.expectation]
        if not is_so:
            was_there = (
                "It is there already." if self.expectation is Expectation.NOTHING else "It has changed meanwhile."
            )
            raise VersionMismatchError("It is not there." if version is None else was_there, tenant=tenant)

    def claim(self, row: QuerySet[Any], *, tenant: Tenant) -> None:
        """Compare with a row and change its version in one statement: of many who have seen the same, one succeeds.

        Args:
            row: The one row, which is there.
            tenant: Whose concern a refusal is.

        Raises:
            VersionMismatchError: Somebody else has changed it since.
            IfMatchMissingError: The caller had to say what it has seen.
        """
        is_compared = self.expectation is Expectation.VERSION
        if not is_compared or not row.filter(version__in=self.versions).update(version=F("version") + 1):
            self.require(-1, tenant=tenant)  # which no row ever has


WHATEVER = Seen(expectation=Expectation.WHATEVER)
