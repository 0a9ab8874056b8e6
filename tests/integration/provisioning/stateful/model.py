"""What Slipway promises of quotas, roles and lifecycles, as a few dictionaries: no database, no HTTP.

Each verb returns the status and codes of the answer and changes the model as the service would change its rows. The
order of the checks is part of what is promised: who may not know of a thing is told nothing else about it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from platform_api.tenancy.models.roles import RIGHTS, Right, Role

POINTS = {"small": 1, "medium": 3, "large": 10}
KINDS = ("points", "count:database")
_FINAL = frozenset({"applied", "errored", "canceled", "superseded"})

Verdict = tuple[int, frozenset[str]]
"""Status, and the codes of all that is refused; none where it is accepted."""


def refused(status: int, *codes: str) -> Verdict:
    """Return a refusal."""
    return status, frozenset(codes)


ACCEPTED: Verdict = (202, frozenset())
ABSENT = refused(404, "not_found")
NO_ROLE = refused(403, "role_missing")
GONE = refused(409, "already_final")
BUSY = refused(409, "resource_busy")


@dataclass
class Request:
    """An accepted ask.

    Attributes:
        operation: What it asks for.
        plan: What the resource has when it is done.
        status: Where it stands.
        run: Where its run stands; None while it has none.
        is_held: Whether a worker has the run.
    """

    id: str
    resource: "Resource"
    operation: str
    plan: str
    status: str = "fulfilling"
    run: str | None = None
    is_held: bool = False

    @property
    def repeats_as(self) -> str:
        """What a retry asks for: what a first order left is there, and is brought to an end."""
        return "update" if self.operation == "provision" else self.operation

    @property
    def is_live(self) -> bool:
        """Whether its run waits or works."""
        return self.run is not None and self.run not in _FINAL


@dataclass
class Resource:
    """What was ordered.

    Attributes:
        held: How many points are reserved, and how many used.
        counted: The same of the count of databases.
        credentials: ``none``, ``kept``, ``shown``, or ``murky`` where a run may have put others in place.
    """

    id: str
    project: str
    name: str
    owner: str
    plan: str
    status: str = "pending"
    desired: str = "present"
    held: tuple[int, int] = (0, 0)
    counted: tuple[int, int] = (1, 0)
    credentials: str = "none"
    requests: list[Request] = field(default_factory=list)

    @property
    def live(self) -> Request | None:
        """The request whose run waits or works."""
        return next((request for request in self.requests if request.is_live), None)

    @property
    def awaits_end(self) -> Request | None:
        """The deprovision that is under way."""
        found = (each for each in self.requests if each.operation == "deprovision" and each.status == "fulfilling")
        return next(found, None)


@dataclass
class Model:
    """Two teams and who works there.

    Attributes:
        teams: The team of each project.
        roles: Whose, on which team or project, which.
        limits: By team or project, and kind.
    """

    teams: dict[str, str]
    roles: set[tuple[str, str, Role]] = field(default_factory=set)
    limits: dict[tuple[str, str], int] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)

    def rights(self, person: str, project: str) -> frozenset[Right]:
        """Return what a person may do in a project; a role on the team counts in each of its projects."""
        places = {project, self.teams[project]}
        mine = [RIGHTS[role] for who, where, role in self.roles if who == person and where in places]
        return frozenset[Right]().union(*mine)

    def sees(self, person: str, project: str) -> bool:
        """Tell whether a person knows of a project."""
        return Right.VIEW in self.rights(person, project)

    def standing(self, scope: str, kind: str) -> tuple[int, int]:
        """Return what is reserved and what is used of a quota."""
        mine = [each for each in self.resources.values() if scope in {each.project, self.teams[each.project]}]
        held = [each.held if kind == "points" else each.counted for each in mine]
        return sum(reserved for reserved, _ in held), sum(used for _, used in held)

    def lacks(self, project: str, **more: int) -> list[str]:
        """Return a code for each quota that has too little left."""
        wanted = {"points": more["points"], "count:database": more.get("count", 0)}
        return [
            "quota_exceeded"
            for scope in (project, self.teams[project])
            for kind, amount in wanted.items()
            if amount and sum(self.standing(scope, kind)) + amount > self.limits[scope, kind]
        ]

    def order(self, person: str, project: str, name: str, plan: str) -> Verdict:
        """A new resource."""
        rights = self.rights(person, project)
        if Right.VIEW not in rights:
            return refused(422, "unknown_project")
        if Right.ORDER not in rights:
            return NO_ROLE
        exceeded = self.lacks(project, points=POINTS[plan], count=1)
        if plan == "large":  # for production only
            return refused(422, "policy_denied", *exceeded)
        if exceeded:
            return refused(422, *exceeded)
        if any(each.name == name and each.status != "deprovisioned" for each in self._of(project)):
            return refused(409, "name_taken")
        return ACCEPTED

    def ordered(self, person: str, project: str, name: str, plan: str, *, resource: str, request: str) -> None:
        """It was accepted under these ids."""
        made = Resource(resource, project, name, person, plan, held=(POINTS[plan], 0))
        self.resources[resource] = made
        self._ask(made, request, "provision", plan, run="pending")

    def change(self, person: str, resource: Resource, operation: str, plan: str | None = None) -> Verdict:
        """An update, a rotation or a confirmed deprovision."""
        rights = self.rights(person, resource.project)
        if Right.VIEW not in rights:
            return ABSENT
        if Right.ORDER not in rights:
            return NO_ROLE
        if resource.status == "deprovisioned":
            return GONE
        judge: Callable[[str, Resource, str], Verdict] = getattr(self, f"_{operation}")
        return judge(person, resource, plan or resource.plan)

    def _update(self, _person: str, resource: Resource, plan: str) -> Verdict:
        if (why := self._not_idle(resource)) is not None:
            return why
        more = POINTS[plan] - sum(resource.held)
        if plan == "large":
            # What policies deny is told with what quotas lack, which is judged by the present plan.
            by_plan = POINTS[plan] - POINTS[resource.plan]
            return refused(422, "policy_denied", *self.lacks(resource.project, points=max(by_plan, 0)))
        exceeded = self.lacks(resource.project, points=max(more, 0))
        return refused(422, *exceeded) if exceeded else ACCEPTED

    def _rotate(self, person: str, resource: Resource, _plan: str) -> Verdict:
        if not self._may_have_credentials(person, resource):
            return NO_ROLE
        return self._not_idle(resource) or ACCEPTED

    def _deprovision(self, _person: str, resource: Resource, _plan: str) -> Verdict:
        return ACCEPTED if resource.awaits_end is None else BUSY

    def _not_idle(self, resource: Resource) -> Verdict | None:
        if resource.live is not None:
            return BUSY
        return GONE if resource.desired == "absent" else None

    def _may_have_credentials(self, person: str, resource: Resource) -> bool:
        rights = self.rights(person, resource.project)
        return Right.REVEAL in rights and (person == resource.owner or Right.ADMINISTER in rights)

    def changed(self, resource: Resource, operation: str, plan: str | None, *, request: str) -> None:
        """It was accepted under this id."""
        plan = plan or resource.plan
        if operation == "deprovision":
            live = resource.live
            if live is not None and not live.is_held:
                live.run, live.status = "superseded", "canceled"
            resource.desired = "absent"
            self._ask(resource, request, operation, resource.plan, run=None if resource.live else "pending")
            return
        resource.desired = "present"
        reserved, used = resource.held
        if operation == "update":
            resource.held = (reserved + max(POINTS[plan] - reserved - used, 0), used)
        self._ask(resource, request, operation, plan, run="pending")

    def retry(self, person: str, request: Request) -> Verdict:
        """A request that came to nothing is asked for again."""
        resource = request.resource
        rights = self.rights(person, resource.project)
        if Right.VIEW not in rights:
            return ABSENT
        if Right.ORDER not in rights:
            return NO_ROLE
        if resource.status == "deprovisioned":
            return GONE
        if request.status not in {"failed", "canceled"}:
            return refused(409, "request_not_failed")
        if resource.requests[-1] is not request:
            return refused(409, "request_overtaken")
        judge: Callable[[str, Resource, str], Verdict] = getattr(self, f"_{request.repeats_as}")
        return judge(person, resource, request.plan)

    def cancel(self, person: str, request: Request) -> Verdict:
        """A run is to stop; at once where it waits."""
        rights = self.rights(person, request.resource.project)
        if Right.VIEW not in rights:
            return ABSENT
        if Right.ORDER not in rights:
            return NO_ROLE
        if not request.is_live:
            return GONE
        if not request.is_held:
            self._unfulfilled(request, run="canceled", status="canceled", has_applied=False)
        return ACCEPTED

    def reveal(self, person: str, resource: Resource) -> Verdict:
        """The credentials are asked for."""
        if not self.sees(person, resource.project):
            return ABSENT
        if not self._may_have_credentials(person, resource):
            return NO_ROLE
        is_rotating = resource.live is not None and resource.live.operation == "rotate"
        if resource.credentials == "none" or is_rotating:
            return refused(409, "credentials_not_ready")
        if resource.credentials == "shown":
            return refused(410, "credentials_already_revealed")
        if resource.status != "ready":
            return refused(409, "credentials_not_ready")
        resource.credentials = "shown"
        return 201, frozenset()

    def claim(self, request: Request) -> None:
        """A worker takes the run."""
        request.run, request.is_held = "planning", True

    def applied(self, request: Request) -> None:
        """The run did what it was for."""
        resource, request.run, request.status = request.resource, "applied", "completed"
        if request.operation == "deprovision":
            self._end(resource)
            return
        resource.status, resource.plan = "ready", request.plan
        resource.held, resource.counted = (0, POINTS[request.plan]), (0, 1)
        if request.operation == "rotate" or resource.credentials == "none":
            resource.credentials = "kept"
        self._make_missing(resource)

    def failed(self, request: Request, *, has_applied: bool, is_canceled: bool) -> None:
        """The run did not do what it was for; after an apply objects remain."""
        ended = "canceled" if is_canceled else "errored"
        self._unfulfilled(request, run=ended, status="canceled" if is_canceled else "failed", has_applied=has_applied)

    def _unfulfilled(self, request: Request, *, run: str, status: str, has_applied: bool) -> None:
        resource, request.run, request.status = request.resource, run, status
        is_deprovision = request.operation == "deprovision"
        awaits_end = resource.desired == "absent" and not is_deprovision
        was_ready = resource.status == "ready"
        if resource.status == "pending" and not has_applied and not awaits_end:
            self._end(resource)
        elif has_applied:
            resource.status = "degraded"
            if request.operation in {"provision", "rotate"}:
                resource.credentials = "murky"
        elif is_deprovision:
            resource.desired = "present"
        if was_ready and not has_applied and request.operation != "rotate":
            reserved, used = resource.held
            less = max(reserved + used - POINTS[resource.plan], 0)
            resource.held = (reserved - min(less, reserved), used - max(less - reserved, 0))
        self._make_missing(resource)

    def _end(self, resource: Resource) -> None:
        resource.status, resource.held, resource.counted, resource.credentials = "deprovisioned", (0, 0), (0, 0), "none"

    def _make_missing(self, resource: Resource) -> None:
        waiting = resource.awaits_end
        if waiting is not None and waiting.run is None and resource.live is None:
            waiting.run = "pending"

    def _ask(self, resource: Resource, request: str, operation: str, plan: str, *, run: str | None) -> None:
        made = Request(request, resource, operation, plan, run=run)
        resource.requests.append(made)
        self.requests[request] = made

    def _of(self, project: str) -> Iterator[Resource]:
        return (each for each in self.resources.values() if each.project == project)
