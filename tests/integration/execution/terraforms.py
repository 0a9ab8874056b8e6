"""Terraforms that go wrong in ways that no script tells: they raise, or somebody interferes while they work."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from platform_api.terraform.client import NO_IMPORTS, AppliedRun, PlanMode, PlannedRun, PreparedRun, Watch
from platform_api.terraform.events import Event, event_read
from platform_api.terraform.redaction import Redactor
from platform_api.terraform.spec import RunSpec
from platform_api.terraform.testing import FakeTerraform, Script
from tests.factories import OUTPUTS


class Breaking(FakeTerraform):
    """Raises something unforeseen: in ``plan``, before an ``apply`` does anything, or ``after`` it has done all."""

    def __init__(self, step: str) -> None:
        super().__init__(Script(outputs=OUTPUTS))
        self.step = step

    @contextmanager
    def prepare(self, spec: RunSpec) -> Iterator[PreparedRun]:
        with super().prepare(spec) as prepared:
            yield _BreakingRun(prepared, self.step)


class _BreakingRun:
    def __init__(self, prepared: PreparedRun, step: str) -> None:
        self._prepared, self._step = prepared, step
        self.recovered = prepared.recovered

    def plan(self, *, mode: PlanMode, watch: Watch, imports: Mapping[str, str] = NO_IMPORTS) -> PlannedRun:
        if self._step == "plan":
            raise ZeroDivisionError("secret-of-the-plan")
        return self._prepared.plan(mode=mode, watch=watch, imports=imports)

    def apply(self, *, digest: str, watch: Watch) -> AppliedRun:
        if self._step == "apply":
            raise ZeroDivisionError("secret-of-the-apply")
        self._prepared.apply(digest=digest, watch=watch)
        raise ZeroDivisionError("secret-after-the-apply")


class FallingSilent(FakeTerraform):
    """Says one line in its apply, then nothing, but asks whether to stop until something ``is_seen``."""

    def __init__(self, is_seen: Callable[[], bool]) -> None:
        super().__init__(Script(outputs=OUTPUTS))
        self.is_seen = is_seen
        self.asked = 0

    @contextmanager
    def prepare(self, spec: RunSpec) -> Iterator[PreparedRun]:
        with super().prepare(spec) as prepared:
            yield _FallingSilentRun(prepared, self)


class _FallingSilentRun:
    def __init__(self, prepared: PreparedRun, client: FallingSilent) -> None:
        self._prepared, self._client = prepared, client
        self.recovered = prepared.recovered

    def plan(self, *, mode: PlanMode, watch: Watch, imports: Mapping[str, str] = NO_IMPORTS) -> PlannedRun:
        return self._prepared.plan(mode=mode, watch=watch, imports=imports)

    def apply(self, *, digest: str, watch: Watch) -> AppliedRun:
        watch.on_event(event_read("the last word", Redactor()))
        while not self._client.is_seen() and self._client.asked < 100:
            self._client.asked += 1
            watch.should_stop()
            time.sleep(0.05)
        return self._prepared.apply(digest=digest, watch=watch)


class Interfering(FakeTerraform):
    """Calls ``act`` before a step begins, or when the step has told so many events."""

    def __init__(self, act: Callable[[], None], *, step: str, after: int = 0) -> None:
        super().__init__(Script(outputs=OUTPUTS))
        self.act, self.step, self.after = act, step, after

    @contextmanager
    def prepare(self, spec: RunSpec) -> Iterator[PreparedRun]:
        with super().prepare(spec) as prepared:
            yield _InterferingRun(prepared, self)


class _InterferingRun:
    def __init__(self, prepared: PreparedRun, client: Interfering) -> None:
        self._prepared, self._client = prepared, client
        self.recovered = prepared.recovered
        self._heard = 0

    def plan(self, *, mode: PlanMode, watch: Watch, imports: Mapping[str, str] = NO_IMPORTS) -> PlannedRun:
        return self._prepared.plan(mode=mode, watch=self._interfered("plan", watch), imports=imports)

    def apply(self, *, digest: str, watch: Watch) -> AppliedRun:
        return self._prepared.apply(digest=digest, watch=self._interfered("apply", watch))

    def _interfered(self, step: str, watch: Watch) -> Watch:
        if self._client.step != step:
            return watch
        if self._client.after == 0:
            self._client.act()

        def heard(event: Event) -> None:
            self._heard += 1
            if self._heard == self._client.after:
                self._client.act()
            watch.on_event(event)

        return replace(watch, on_event=heard)
