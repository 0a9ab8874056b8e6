"""A machine that does what people and workers do, in any order, and compares the API with the model after each step."""

from collections.abc import Mapping
from itertools import count
from typing import Any, cast

from django.conf import settings as django
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from governance.models import ScopeType
from governance.services.quota_limits import quota_limit_begin
from platform_api.core.ids import Prefix, parse
from platform_api.tenancy.models import Project, Team
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.services.teams import project_create, role_grant, role_revoke, team_create
from provisioning.models import Resource as ResourceRow
from provisioning.selectors.quotas import project_facts
from provisioning.services.execution.claims import Claim
from provisioning.services.execution.endings import RunFailure
from provisioning.services.execution.outcomes import run_applied, run_failed
from provisioning.states import RunStatus
from tests.integration.provisioning.house import OUTPUTS, House, begin_apply, body_of, claim, prepare
from tests.integration.provisioning.stateful.model import KINDS, Model, Request, Resource, Verdict
from tests.people import TESTS, Person, person

_numbers = count(1)
BROKEN = RunFailure(code="broken", kind="permanent", detail="It broke.", remedy="Mend it.")
LEFT = RunFailure(
    code="broken", kind="permanent", detail="It broke.", remedy="Mend it.", objects_left=("terraform_data.this",)
)

NAMES = ("alpha", "beta", "gamma")
PROJECTS = ("shop-one", "shop-two", "rival")
TEAMS = {"shop-one": "shop", "shop-two": "shop", "rival": "rivals"}
PLACES = (*PROJECTS, "shop", "rivals")
PEOPLE: Mapping[str, tuple[str, Role]] = {
    "dana": ("shop-one", Role.DEVELOPER),
    "theo": ("shop", Role.DEVELOPER),
    "lena": ("shop", Role.ADMIN),
    "vera": ("shop", Role.VIEWER),
    "riva": ("rival", Role.DEVELOPER),
}
"""Who there is, and which role each begins with."""

WATCHER = "wolf"
"""A viewer of both teams: sees all that the model knows."""

# Whoever may order in the first project does so more often, lest most lives consist of refusals.
who = st.sampled_from(("dana", "lena", "theo", *sorted(PEOPLE)))
where = st.sampled_from(("shop-one", "shop-one", *PROJECTS))
plans = st.sampled_from(("small", "small", "small", "medium", "medium", "medium", "large"))
picks = st.integers(0, 1000)


def _shown(row: Mapping[str, Any]) -> tuple[str, str, str, str, bool]:
    """Return what a list tells of a resource that the model knows, too."""
    return row["name"], row["status"], row["desired"], row["offering"]["plan"], bool(row["active_run"])


class ApiAgainstModel(RuleBasedStateMachine):
    """People order, change, cancel and reveal; roles and limits change; workers carry out or fail."""

    house: House

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(teams=TEAMS)
        self.claims: dict[str, Claim] = {}
        self.last: tuple[str, dict[str, Any], str, bytes] | None = None

    @initialize()
    def people_and_teams(self) -> None:
        """Everybody is new in each life, so that nobody sees what an earlier one left."""
        self.suffix = f"-{next(_numbers)}"
        teams = {name: team_create(slug=name + self.suffix, name=name, caller=TESTS) for name in ("shop", "rivals")}
        self.places: dict[str, Team | Project] = dict(teams)
        for name, team in TEAMS.items():
            self.places[name] = project_create(team=teams[team], slug=name + self.suffix, name=name, caller=TESTS)
        self.persons: dict[str, Person] = {name: person(name + self.suffix) for name in (*PEOPLE, WATCHER)}
        for place in PLACES:
            defaults = django.QUOTA_DEFAULTS["project" if place in PROJECTS else "team"]
            self.model.limits |= {(place, kind): defaults[kind.partition(":")[0]] for kind in KINDS}
        for name, (place, role) in PEOPLE.items():
            self._grant(name, place, role)
        for team in teams:
            self._grant(WATCHER, team, Role.VIEWER)
        # A life begins with something to change: most would be too short to come to it by themselves.
        for by, project, plan in (
            ("dana", "shop-one", "medium"),
            ("theo", "shop-one", "small"),
            ("riva", "rival", "small"),
        ):
            self.order(by, project, NAMES[len(self.model.resources) % 2], plan)
            self.work_is_done(0)
        assert [each.status for each in self.model.resources.values()] == ["ready"] * 3

    @rule(by=who, project=where, name=st.sampled_from(NAMES), plan=plans)
    def order(self, by: str, project: str, name: str, plan: str) -> None:
        """Somebody orders a database."""
        body = {
            "operation": "provision",
            "offering": "postgres-database",
            "plan": plan,
            "project": project + self.suffix,
            "name": name,
            "reason": "The model orders",
        }
        key = f"{by}{self.suffix}-{next(_numbers)}"
        answer = self._post(by, "requests", body, key=key)
        self._agree(answer, self.model.order(by, project, name, plan))
        if answer.status_code == 202:
            shown = body_of(answer)
            self.model.ordered(by, project, name, plan, resource=shown["resource"]["id"], request=shown["id"])
            self.last = (by, body, key, answer.content)

    @precondition(lambda self: self.last is not None)
    @rule()
    def order_again(self) -> None:
        """A careful script repeats its last order under the same key, whatever has happened since.

        It is answered like the first time as long as whoever runs it sees the project.
        """
        assert self.last is not None
        by, body, key, first = self.last
        project = body["project"].removesuffix(self.suffix)
        answer = self._post(by, "requests", body, key=key)
        if self.model.sees(by, project):
            assert (answer.status_code, answer.content) == (202, first)
        else:
            self._agree(answer, self.model.order(by, project, body["name"], body["plan"]))

    @precondition(lambda self: self.model.resources)
    @rule(by=who, pick=picks, operation=st.sampled_from(("update", "update", "rotate", "deprovision")), plan=plans)
    def change(self, by: str, pick: int, operation: str, plan: str) -> None:
        """Somebody changes a resource, or gives it back."""
        resource = self._pick(self.model.resources, pick)
        more = {"update": {"plan": plan}, "deprovision": {"confirm": resource.name}}.get(operation, {})
        body = {"operation": operation, "resource": resource.id, "reason": "The model changes", **more}
        answer = self._post(by, "requests", body)
        wanted = plan if operation == "update" else None
        self._agree(answer, self.model.change(by, resource, operation, wanted))
        if answer.status_code == 202:
            self.model.changed(resource, operation, wanted, request=body_of(answer)["id"])

    @precondition(lambda self: self._unfulfilled())
    @rule(by=who, pick=picks)
    def retry(self, by: str, pick: int) -> None:
        """Somebody asks again for what came to nothing."""
        request = self._pick(self._unfulfilled(), pick)
        answer = self._post(by, f"requests/{request.id}/retry", {"reason": "The model retries"})
        self._agree(answer, self.model.retry(by, request))
        if answer.status_code == 202:
            plan = request.plan if request.repeats_as == "update" else None
            self.model.changed(request.resource, request.repeats_as, plan, request=body_of(answer)["id"])

    @precondition(lambda self: self.model.requests)
    @rule(by=who, pick=picks)
    def cancel(self, by: str, pick: int) -> None:
        """Somebody cancels a run."""
        having = {key: request for key, request in self.model.requests.items() if request.run is not None}
        request = self._pick(having, pick)
        run = body_of(self._get(WATCHER, f"requests/{request.id}"))["run"]["id"]
        answer = self._post(by, f"runs/{run}/cancel", {"reason": "The model cancels"})
        self._agree(answer, self.model.cancel(by, request))

    @precondition(lambda self: self._revealable())
    @rule(by=who, pick=picks)
    def reveal(self, by: str, pick: int) -> None:
        """Somebody asks for credentials."""
        resource = self._pick(self._revealable(), pick)
        answer = self._post(by, f"resources/{resource.id}/credentials", None)
        self._agree(answer, self.model.reveal(by, resource))

    @rule(who=who, on=st.sampled_from(PLACES), role=st.sampled_from(Role), give=st.booleans())
    def roles(self, who: str, on: str, role: Role, give: bool) -> None:  # noqa: FBT001 - Hypothesis passes it by name
        """An admin gives or takes a role."""
        if give:
            self._grant(who, on, role)
        else:
            role_revoke(user=self.persons[who].user, role=role, on=self.places[on], caller=TESTS)
            self.model.roles.discard((who, on, role))

    @rule(project=where, is_team=st.booleans(), kind=st.sampled_from(KINDS), limit=st.integers(1, 12))
    def limits(self, project: str, is_team: bool, kind: str, limit: int) -> None:  # noqa: FBT001 - as above
        """A platform admin sets a limit, perhaps below what is held."""
        quota_limit_begin(
            facts=project_facts(cast("Project", self.places[project])),
            scope_type=ScopeType.TEAM if is_team else ScopeType.PROJECT,
            kind=kind,
            limit=limit,
            reason="The model limits",
            caller=self.house.people.admin.caller,
        )
        self.model.limits[TEAMS[project] if is_team else project, kind] = limit

    @precondition(lambda self: self._waiting())
    @rule(pick=picks)
    def work_begins(self, pick: int) -> None:
        """A worker claims a run."""
        request = self._pick(self._waiting(), pick)
        self.claims[request.id] = claim(self._row(request.resource))
        prepare(self.claims[request.id])
        self.model.claim(request)

    @precondition(lambda self: self._waiting())
    @rule(pick=picks)
    def work_is_done(self, pick: int) -> None:
        """A worker carries a run out without anything in between, as most of them go."""
        request = self._pick(self._waiting(), pick)
        claimed = claim(self._row(request.resource))
        prepare(claimed)
        begin_apply(claimed)
        run_applied(claimed, status=RunStatus.APPLIED, outputs=OUTPUTS)
        self.model.applied(request)

    @precondition(lambda self: self.claims)
    @rule(pick=picks, end=st.sampled_from(("applied", "applied", "applied", "failed", "left", "stopped")))
    def work_ends(self, pick: int, end: str) -> None:
        """A worker ends its run: well, before the apply, in it, or because it was asked to."""
        key = sorted(self.claims)[pick % len(self.claims)]
        claimed, request = self.claims.pop(key), self.model.requests[key]
        if end in {"applied", "left"}:
            begin_apply(claimed)
        if end == "applied":
            run_applied(claimed, status=RunStatus.APPLIED, outputs=OUTPUTS)
            self.model.applied(request)
            return
        failure = LEFT if end == "left" else BROKEN
        run_failed(claimed, failure, has_applied=end == "left", is_canceled=end == "stopped")
        self.model.failed(request, has_applied=end == "left", is_canceled=end == "stopped")

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        """A person's lists hold what the model says, and nothing else; the persons take turns."""
        if not hasattr(self, "persons"):
            return
        for name in (WATCHER, self._turn()):
            seen = {project for project in PROJECTS if self.model.sees(name, project)}
            slugs = {row["slug"] for row in self._list(name, "projects")}
            assert slugs == {project + self.suffix for project in seen}, name
            requests = {key: each for key, each in self.model.requests.items() if each.resource.project in seen}
            listed = {row["id"]: (row["operation"], row["status"]) for row in self._list(name, "requests")}
            assert listed == {key: (each.operation, each.status) for key, each in requests.items()}
            runs = {row["request"]: row["status"] for row in self._list(name, "runs")}
            assert runs == {key: each.run for key, each in requests.items() if each.run is not None}
            resources = {row["id"]: _shown(row) for row in self._list(name, "resources")}
            assert resources == {
                key: (each.name, each.status, each.desired, each.plan, each.live is not None)
                for key, each in self.model.resources.items()
                if each.project in seen
            }

    @invariant()
    def quotas_hold_what_is_there(self) -> None:
        """Every quota has the limit, the reservations and the use that the model has."""
        if not hasattr(self, "persons"):
            return
        listed = set[tuple[str, str]]()
        for project in PROJECTS:
            for row in self._list(WATCHER, "quotas", project=project + self.suffix):
                scope = row["scope"].partition(":")[2].removesuffix(self.suffix)
                figures = (row["reserved"], row["used"])
                assert figures == self.model.standing(scope, row["kind"]), (scope, row["kind"])
                assert row["limit"] == self.model.limits[scope, row["kind"]]
                listed.add((scope, row["kind"]))
        everything = {(scope, kind) for scope in PLACES for kind in KINDS}
        assert {each for each in everything - listed if self.model.standing(*each) != (0, 0)} == set()

    def _turn(self) -> str:
        """Return whose lists are looked at now, besides the watcher's."""
        self.turn = getattr(self, "turn", -1) + 1
        return sorted(PEOPLE)[self.turn % len(PEOPLE)]

    def _grant(self, name: str, place: str, role: Role) -> None:
        role_grant(user=self.persons[name].user, role=role, on=self.places[place], caller=TESTS)
        self.model.roles.add((name, place, role))

    def _agree(self, answer: Any, verdict: Verdict) -> None:
        body = body_of(answer)
        codes: frozenset[str] = frozenset()
        if answer.status_code >= 400:
            codes = frozenset(found["code"] for found in body["errors"]) or frozenset({body["code"]})
        assert (answer.status_code, codes) == verdict, body

    def _post(self, by: str, address: str, body: object, *, key: str | None = None) -> Any:
        return self.house.post(address, body, by=self.persons[by], key=key)

    def _get(self, by: str, address: str, **query: str) -> Any:
        return self.persons[by].client.get(f"/api/v1/{address}", query)

    def _list(self, by: str, address: str, **query: str) -> list[dict[str, Any]]:
        answer = self._get(by, address, limit="100", **query)
        assert answer.status_code == 200, answer.content
        rows: list[dict[str, Any]] = body_of(answer)["results"]
        return rows

    def _waiting(self) -> dict[str, Request]:
        return {key: each for key, each in self.model.requests.items() if each.run == "pending"}

    def _unfulfilled(self) -> dict[str, Request]:
        """Return requests that came to nothing, of what is there; what is gone says the same every time."""
        return {
            key: each
            for key, each in self.model.requests.items()
            if each.status in {"failed", "canceled"} and each.resource.status != "deprovisioned"
        }

    def _revealable(self) -> dict[str, Resource]:
        """Return resources of which the model knows what their credentials are: no run is at work on them."""
        return {
            key: each
            for key, each in self.model.resources.items()
            if each.credentials != "murky" and not (each.live and each.live.is_held)
        }

    @staticmethod
    def _pick(found: Mapping[str, Any], number: int) -> Any:
        return found[sorted(found)[number % len(found)]]

    @staticmethod
    def _row(resource: Resource) -> ResourceRow:
        return ResourceRow.objects.get(pk=parse(Prefix.RESOURCE, resource.id))
