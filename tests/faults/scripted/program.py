"""A Terraform of 30 ms: the commands, flags, JSON lines, files, locks and exit codes that Slipway's adapter relies on.

It knows one module, ``postgres-database``, and makes its objects in a `Cloud`. Ordered to, an apply crashes between an
effect and the state that would tell of it, hangs, or finds no room to write.
"""

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.faults.scripted.cloud import Cloud, TakenError
from tests.faults.scripted.files import ERRORED, PLAN, VERSION, State, StateFile, imports_read, inputs_read
from tests.faults.scripted.planning import NotThereError, action_of, kind_of, outputs_of, plan_make

Json = dict[str, Any]
_POLL_SECONDS = 0.01
_HANG_SECONDS = 600.0


def main(cloud_folder: str, failpoints: str) -> int:
    """Carry out one command line in the present folder, and return the exit status."""
    command, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if command == "version":
        sys.stdout.write(f"Terraform v{VERSION}\non linux_amd64\n")
        return 0
    if command == "init":
        return 0
    if command == "show":
        sys.stdout.write(PLAN.read_text(encoding="utf-8") + "\n")
        return 0
    return _Work(command, arguments, Cloud(Path(cloud_folder)), Path(failpoints)).run()


class _Work:
    def __init__(self, command: str, arguments: list[str], cloud: Cloud, failpoints: Path) -> None:
        self.command, self.arguments, self.cloud = command, arguments, cloud
        self.by: Json = {
            "run": os.environ.get("SLIPWAY_RUN", Path.cwd().name),
            "command": command,
            "begun_at": time.time(),
        }
        self.is_interrupted = False
        self.clock_error = _clock_error(failpoints)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def run(self) -> int:
        """Do what the command line says, with its beginning and its end in the cloud's journal."""
        work = {"plan": self._plan, "apply": self._apply}.get(self.command)
        if work is None:
            sys.stderr.write(f"the scripted Terraform knows no {self.command}\n")
            return 1
        self.cloud.note({**self.by, "effect": "begin"})
        code = work()
        self.cloud.note({**self.by, "effect": "end", "code": code})
        return code

    def _plan(self) -> int:
        self._say("version", f"Terraform {VERSION}", terraform=VERSION, ui="1.2")
        mode = next((each for each in ("destroy", "refresh-only") if f"-{each}" in self._flags), "normal")
        variables = inputs_read(self._flags["-var-file"])
        self._sleep(self.cloud.pace(variables["name"])["plan"])
        if self.is_interrupted:
            return self._broken("operation canceled")
        state = State.read()
        imports = {address: name for address, name in imports_read().items() if address not in state.objects}
        try:
            plan = plan_make(state, self.cloud, variables, mode=mode, imports=imports)
        except NotThereError as error:
            return self._broken("Cannot import non-existent remote object", address=str(error))
        for change in plan["resource_changes"]:
            if action_of(change) != "no-op":
                about = {"resource": _resource(change["address"]), "action": action_of(change)}
                self._say("planned_change", f"{change['address']}: Plan to {action_of(change)}", change=about)
        self._say("change_summary", "Plan: done", changes={"operation": "plan"})
        Path(self._flags["-out"]).write_text(json.dumps(plan), encoding="utf-8")
        return 0

    def _apply(self) -> int:
        plan = json.loads(PLAN.read_bytes())
        try:
            file = StateFile()
        except BlockingIOError:
            return self._broken("Error acquiring the state lock")
        state, meant = State.read(), plan["scripted"]
        if state.serial != meant["serial"] or (state.serial and state.lineage != meant["lineage"]):
            return self._broken("Saved plan is stale")
        state.objects = dict(meant["prior"])
        variables = {name: each["value"] for name, each in plan["variables"].items()}
        pace = self.cloud.pace(variables["name"])
        for change in plan["resource_changes"]:
            if action_of(change) == "no-op":
                continue
            if self.is_interrupted:
                return self._broken("execution halted")
            code = self._step(change, state, file, variables, seconds=pace["step"])
            if code:
                return code
        state.outputs = {} if meant["mode"] == "destroy" else outputs_of(state.objects)
        if code := self._keep(state, file):
            return code
        self._say("change_summary", "Apply complete!", changes={"operation": "apply"})
        self._say("outputs", "Outputs: 4", outputs={})
        return 0

    def _step(self, change: Json, state: State, file: StateFile, variables: Json, *, seconds: float) -> int:
        address, action = change["address"], action_of(change)
        named = (change["change"]["after"] or change["change"]["before"])["name"]
        hook: Json = {"resource": _resource(address), "action": action}
        known = {"id_key": "name", "id_value": named}
        self._say("apply_start", f"{address}: {action}...", hook={**hook, **({} if action == "create" else known)})
        self._sleep(seconds)
        after = change["change"]["after"]
        try:
            self._effect(action, address, named, after, variables["managed_by"])
        except TakenError:
            self._say("apply_errored", f"{address}: errored", hook={**hook, "elapsed_seconds": 0})
            return self._broken(f'Object "{named}" exists and is not ours', address=address)
        self._go_wrong()
        self._say("apply_complete", f"{address}: complete", hook={**hook, **known, "elapsed_seconds": int(seconds)})
        if after is None:
            state.objects.pop(address, None)
        else:
            state.objects[address] = after
        if self.cloud.ordered("enospc"):
            return self._full(state)
        return self._keep(state, file)

    def _effect(self, action: str, address: str, name: str, after: Json | None, mark: str) -> None:
        kind = kind_of(address)
        if action == "create":
            self.cloud.create(kind, name, mark=mark, attributes=after or {}, by=self.by)
        elif action == "update":
            self.cloud.update(kind, name, attributes=after or {}, by=self.by)
        else:
            self.cloud.delete(kind, name, by=self.by)

    def _go_wrong(self) -> None:
        if self.cloud.ordered("crash"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.cloud.ordered("hang"):
            self._sleep(_HANG_SECONDS, wakes=True)
        if self.cloud.ordered("deaf"):
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            self._sleep(_HANG_SECONDS)

    def _keep(self, state: State, file: StateFile) -> int:
        try:
            file.write(state)
        except OSError:
            return self._full(state)
        return 0

    def _full(self, state: State) -> int:
        try:
            ERRORED.write_text(json.dumps(state.document), encoding="utf-8")
        except OSError:
            ERRORED.unlink(missing_ok=True)
        return self._broken("Failed to save state", "write terraform.tfstate: no space left on device")

    @property
    def _flags(self) -> dict[str, str]:
        return {name: value for name, _, value in (word.partition("=") for word in self.arguments)}

    def _interrupt(self, *_: object) -> None:
        if self.is_interrupted:  # the second one: at once, whatever is lost
            os._exit(1)
        self.is_interrupted = True

    def _sleep(self, seconds: float, *, wakes: bool = False) -> None:
        """Sleep; an interrupt is heeded between objects, and in a hang."""
        ends_at = time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0 and not (wakes and self.is_interrupted):
            time.sleep(min(left, _POLL_SECONDS))

    def _say(self, kind: str, message: str, *, level: str = "info", **fields: Any) -> None:
        at = datetime.now(tz=UTC) + self.clock_error
        line = {
            "@level": level,
            "@message": message,
            "@module": "terraform.ui",
            "@timestamp": at.isoformat(),
            "type": kind,
            **fields,
        }
        try:
            os.write(1, json.dumps(line).encode() + b"\n")
        except OSError:  # the disk is full; the work goes on
            return

    def _broken(self, summary: str, detail: str = "", *, address: str = "") -> int:
        diagnostic = {"severity": "error", "summary": summary, "detail": detail, "address": address}
        self._say("diagnostic", f"Error: {summary}", level="error", diagnostic=diagnostic)
        return 1


def _resource(address: str) -> Json:
    kind, name = address.split(".")
    return {
        "addr": address,
        "module": "",
        "resource": address,
        "implied_provider": "fleet",
        "resource_type": kind,
        "resource_name": name,
        "resource_key": None,
    }


def _clock_error(failpoints: Path) -> timedelta:
    try:
        return timedelta(seconds=float((failpoints / "clock").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return timedelta()
