"""People who order, change, rotate, cancel and give back while things break; and a ledger of what they were told."""

import random
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.stage import Stage

STUBBORN_SECONDS = 30.0
_PAUSE_SECONDS = 0.15
_FINAL = frozenset({"completed", "failed", "canceled"})
_AGAIN = frozenset({429, 500, 502, 503, 504})
Json = dict[str, Any]


@dataclass(kw_only=True)
class Asked:
    """One ask under one key, and all answers to it.

    Attributes:
        key: Its idempotency key.
        operation: ``provision`` and so on.
        project: Slug.
        request_id: As shown; empty until one answer was 2xx.
        answers: Status and, if it was accepted, request id of each answer.
    """

    key: str
    operation: str
    project: str
    correlation_id: str
    request_id: str = ""
    resource_id: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_accepted(self) -> bool:
        """Whether somebody was told that it is."""
        return bool(self.request_id)


class Ledger:
    """What all clients were told; any thread may write."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.seconds: list[float] = []
        self._lock = threading.Lock()

    def add(self, asked: Asked) -> Asked:
        """Keep an ask."""
        with self._lock:
            self.asked.append(asked)
        return asked

    @property
    def accepted(self) -> list[Asked]:
        """Those that somebody was told are accepted."""
        with self._lock:
            return [each for each in self.asked if each.is_accepted]


class Person:
    """A developer of one project, as stubborn as a good script."""

    def __init__(self, stage: Stage, project: str, ledger: Ledger) -> None:
        self.stage, self.project, self.ledger = stage, project, ledger
        headers = {"Authorization": f"Bearer {stage.tokens[project]}"}
        self.http = httpx.Client(
            base_url=f"{stage.api_url}/api/v1", headers=headers, timeout=httpx.Timeout(10, connect=2), trust_env=False
        )
        stage.afterwards(self.http.close)

    def provision(
        self,
        name: str,
        *,
        doubled: bool = False,
        environment: str | None = None,
        correlation_id: str = "",
        **more: Any,
    ) -> Asked:
        """Order a small database."""
        body = {
            "operation": "provision",
            "offering": "postgres-database",
            "plan": "small",
            "project": self.project,
            "name": name,
            "reason": "faults are tried",
            **({"environment": environment} if environment else {}),
            **more,
        }
        return self.ask("provision", "POST", "requests", json=body, doubled=doubled, correlation_id=correlation_id)

    def update(self, resource_id: str, limit: int, *, correlation_id: str = "") -> Asked | None:
        """Change how many connections a database takes; None where it cannot be read."""
        found = self.read(f"resources/{resource_id}")
        if found is None:
            return None
        seen, _ = found
        body = {"parameters": {"connection_limit": limit}, "reason": "faults are tried"}
        headers = {"If-Match": seen}
        path = f"resources/{resource_id}"
        return self.ask("update", "PATCH", path, json=body, headers=headers, correlation_id=correlation_id)

    def rotate(self, resource_id: str) -> Asked:
        """Ask for new credentials."""
        body = {"operation": "rotate", "resource": resource_id, "reason": "faults are tried"}
        return self.ask("rotate", "POST", "requests", json=body)

    def deprovision(self, resource_id: str, name: str) -> Asked:
        """Give a database back."""
        body = {"operation": "deprovision", "resource": resource_id, "confirm": name, "reason": "faults are tried"}
        return self.ask("deprovision", "POST", "requests", json=body)

    def cancel(self, run_id: str) -> int:
        """Ask a run to stop; the status of the answer."""
        return self.call("POST", f"runs/{run_id}/cancel", json={"reason": "faults are tried"}).status_code

    def read(self, path: str) -> tuple[str, Json] | None:
        """Read an object with its entity tag; None where it cannot be had."""
        answer = self.call("GET", path)
        return (answer.headers["ETag"], answer.json()) if answer.status_code == httpx.codes.OK else None

    def status(self, asked: Asked) -> str:
        """Where a request stands; empty where nobody says."""
        found = self.read(f"requests/{asked.request_id}")
        return "" if found is None else str(found[1]["status"])

    def run_of(self, asked: Asked) -> Json:
        """The newest run of a request; empty where there is none."""
        found = self.read(f"requests/{asked.request_id}")
        run: Json = (found[1]["run"] if found else None) or {}
        return run

    def finish(self, asked: Asked, *, seconds: float) -> str:
        """Wait until a request is final; its status then."""
        deadline = time.monotonic() + seconds
        while (status := self.status(asked)) not in _FINAL and time.monotonic() < deadline:
            time.sleep(0.05)
        return status

    def ask(
        self, operation: str, method: str, path: str, *, doubled: bool = False, correlation_id: str = "", **options: Any
    ) -> Asked:
        """Ask under a key of its own until there is an answer that is one."""
        key = uuid.uuid4().hex
        asked = self.ledger.add(
            Asked(key=key, operation=operation, project=self.project, correlation_id=correlation_id or uuid.uuid4().hex)
        )
        headers = {
            **options.pop("headers", {}),
            "Idempotency-Key": f'"{key}"',
            "Correlation-Id": asked.correlation_id,
        }
        options["headers"] = headers
        twin = threading.Thread(target=self._told, args=(asked, method, path, options)) if doubled else None
        if twin is not None:
            twin.start()
        self._told(asked, method, path, options)
        if twin is not None:
            twin.join()
        elif asked.is_accepted and random.random() < 0.2:  # noqa: S311 - a careless script repeats what was answered
            self._told(asked, method, path, options)
        return asked

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call until there is an answer that is one, for half a minute at most."""
        deadline = time.monotonic() + STUBBORN_SECONDS
        while True:
            try:
                answer = self.http.request(method, path, **options)
                if answer.status_code not in _AGAIN and not _is_in_progress(answer):
                    return answer
            except httpx.TransportError:
                answer = httpx.Response(599)
            if time.monotonic() > deadline:
                return answer
            time.sleep(_PAUSE_SECONDS)

    def _told(self, asked: Asked, method: str, path: str, options: Mapping[str, Any]) -> None:
        began = time.monotonic()
        answer = self.call(method, path, **options)
        self.ledger.seconds.append(time.monotonic() - began)
        request_id = ""
        if answer.is_success:
            body = answer.json()
            request_id = body["id"]
            asked.request_id = asked.request_id or request_id
            asked.resource_id = asked.resource_id or body["resource"]["id"]
        asked.answers.append((answer.status_code, request_id))


class Crowd:
    """Persons who keep the stage busy from threads, each with a bounded number of asks that have no end yet."""

    def __init__(self, stage: Stage, projects: list[str], ledger: Ledger, *, seed: int, outstanding: int = 6) -> None:
        self.ledger = ledger
        self._over = threading.Event()
        self.errors: list[str] = []
        self.stopped_at = 0.0
        self._threads = [
            threading.Thread(
                target=self._live,
                args=(Person(stage, project, ledger), random.Random(f"{seed}/{project}"), outstanding),  # noqa: S311
                name=f"person-{project}",
                daemon=True,
            )
            for project in projects
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Have nobody ask for anything any more."""
        self._over.set()
        self.stopped_at = time.monotonic()
        for thread in self._threads:
            thread.join(timeout=STUBBORN_SECONDS * 2)

    def _live(self, person: Person, chance: random.Random, outstanding: int) -> None:
        waiting: list[Asked] = []
        owned: dict[str, str] = {}
        number = 0
        while not self._over.wait(0.05):
            try:
                waiting = [asked for asked in waiting if person.status(asked) not in _FINAL]
                if len(waiting) >= outstanding:
                    time.sleep(0.2)
                    continue
                if len(owned) < 5 or chance.random() < 0.45:
                    name = f"db-{number}"
                    number += 1
                    asked = person.provision(name, doubled=chance.random() < 0.2)
                    if asked.is_accepted:
                        owned[asked.resource_id] = name
                        waiting.append(asked)
                    else:  # the quota is used up
                        waiting += self._give_back(person, chance, owned)
                    continue
                waiting += self._change(person, chance, owned, waiting)
            except Exception as error:  # noqa: BLE001 - told with the result
                self.errors.append(repr(error))

    def _change(
        self, person: Person, chance: random.Random, owned: dict[str, str], waiting: list[Asked]
    ) -> list[Asked]:
        resource_id = chance.choice(list(owned))
        kind = chance.choices(["update", "rotate", "deprovision", "cancel"], [4, 1, 5, 2])[0]
        if kind == "cancel":
            if waiting and (run := person.run_of(chance.choice(waiting))):
                person.cancel(run["id"])
            return []
        if kind == "deprovision":
            return self._give_back(person, chance, owned)
        if kind == "rotate":
            asked: Asked | None = person.rotate(resource_id)
        else:
            asked = person.update(resource_id, chance.randint(1, 20))
        if asked is None or not asked.is_accepted:
            with suppress(KeyError):  # it may be gone
                found = person.read(f"resources/{resource_id}")
                if found and found[1]["status"] == "deprovisioned":
                    del owned[resource_id]
            return []
        return [asked]

    def _give_back(self, person: Person, chance: random.Random, owned: dict[str, str]) -> list[Asked]:
        if not owned:
            return []
        resource_id = chance.choice(list(owned))
        asked = person.deprovision(resource_id, owned.pop(resource_id))
        return [asked] if asked.is_accepted else []


def _is_in_progress(answer: httpx.Response) -> bool:
    return answer.status_code == httpx.codes.CONFLICT and "idempotency_in_progress" in answer.text
