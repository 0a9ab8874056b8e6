"""What a stage is judged by: its rows, its watched changes, the cloud, and what clients were told."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from platform_api.core.ids import Prefix, parse, show
from tests.faults.clients import Asked, Ledger
from tests.faults.stage import Stage

Json = dict[str, Any]


@dataclass
class Evidence:
    """What is judged by.

    Attributes:
        stage: Where it happened; quiet by now.
        ledger: What clients were told.
        projects: Slugs of the projects that are judged.
        passwords: What clients were shown and no text may hold.
    """

    stage: Stage
    ledger: Ledger
    projects: tuple[str, ...]
    passwords: tuple[str, ...] = ()

    @cached_property
    def asked(self) -> list[Asked]:
        """What was asked for in these projects, and accepted."""
        return [each for each in self.ledger.accepted if each.project in self.projects]

    @cached_property
    def resources(self) -> list[Json]:
        """All resources of these projects."""
        return self._rows(
            """
            SELECT resource.*, environment.project_id AS environment_project FROM resource
            JOIN project ON project.id = resource.project_id JOIN environment ON environment.id = environment_id
            WHERE project.slug = ANY(%s)
            """,
            list(self.projects),
        )

    @cached_property
    def resource_ids(self) -> list[UUID]:
        """Their ids."""
        return [each["id"] for each in self.resources]

    @cached_property
    def runs(self) -> list[Json]:
        """All runs of these projects, in the order in which their resources had them."""
        return self._rows(
            "SELECT * FROM run WHERE resource_id = ANY(%s) ORDER BY resource_id, generation, created_at",
            self.resource_ids,
        )

    @cached_property
    def changes(self) -> list[Json]:
        """All changes of their status and epoch, as they were watched."""
        return self._rows("SELECT * FROM kit_run WHERE resource_id = ANY(%s) ORDER BY number", self.resource_ids)

    @cached_property
    def journal(self) -> list[Json]:
        """What the cloud has seen of these resources' runs."""
        known = {show(Prefix.RUN, run["id"]) for run in self.runs}
        return [entry for entry in self.stage.cloud.entries() if entry["run"] in known]

    @staticmethod
    def uuid_of(run: str) -> str:
        """Return a run's id as the database has it."""
        return str(parse(Prefix.RUN, run))

    def watched(self, invariant: str) -> list[str]:
        """Return what the triggers saw broken."""
        run_ids = [run["id"] for run in self.runs]
        rows = self.stage.query(
            "SELECT DISTINCT told, run_id FROM kit_fault WHERE invariant = %s AND run_id = ANY(%s)", invariant, run_ids
        )
        return [f"run {run_id}: {told}" for told, run_id in rows]

    def state_of(self, resource: Json) -> Json | None:
        """Return a resource's newest state, opened; None where none is kept."""
        rows = self.stage.query(
            """
            SELECT lineage, serial, sealed FROM state_version WHERE resource_id = %s
            ORDER BY epoch DESC, created_at DESC LIMIT 1
            """,
            resource["id"],
        )
        if not rows:
            return None
        lineage, serial, sealed = rows[0]
        place = f"state_version/{resource['id']}/{lineage}/{serial}"
        found: Json = json.loads(self.stage.keys().open(bytes(sealed), place=place))
        return found

    def _rows(self, sql: str, *values: Any) -> list[Json]:
        with self.stage.connect() as control:
            cursor = control.execute(sql.encode(), values)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
