"""What a caller may see, as a condition on rows: with the caller's teams and projects in it, or with slots for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.db.models import Q

from platform_api.core.callers import Caller
from platform_api.core.compiled import Among, Slot, uuids_slot


@dataclass(frozen=True, kw_only=True)
class Sight:
    """Teams and projects that a caller has a role on; an overseer sees all."""

    is_overseer: bool
    teams: Sequence[UUID] | Slot
    projects: Sequence[UUID] | Slot

    @classmethod
    def of(cls, caller: Caller) -> Self:
        """Return what this caller sees."""
        return cls(is_overseer=caller.is_overseer, **seen_by(caller))

    @classmethod
    def slotted(cls, *, is_overseer: bool) -> Self:
        """Return what any caller of a kind sees, for a compiled query; ``seen_by`` has the values."""
        return cls(is_overseer=is_overseer, teams=uuids_slot("teams"), projects=uuids_slot("projects"))

    def condition(self, *, team: str, project: str) -> Q:
        """Return the condition that one of these columns names what is seen.

        Args:
            team: Column with the id of a team.
            project: Column with the id of a project.
        """
        return Q() if self.is_overseer else Q(Among(team, self.teams)) | Q(Among(project, self.projects))


def seen_by(caller: Caller) -> dict[str, list[UUID]]:
    """Return the values for the slots of ``Sight.slotted``."""
    return {"teams": list(caller.team_roles), "projects": list(caller.project_roles)}
