"""State, plan and inputs as the scripted Terraform keeps them in a run's folder: files that the real one would read."""

import fcntl
import json
import os
import uuid
from pathlib import Path
from typing import Any, BinaryIO

Json = dict[str, Any]
STATE, ERRORED, PLAN = Path("terraform.tfstate"), Path("errored.tfstate"), Path("plan.bin")
VERSION = "1.11.4"


class State:
    """One state: objects by address, and outputs."""

    def __init__(self, document: Json | None) -> None:
        document = document or {}
        self.lineage: str = document.get("lineage") or str(uuid.uuid4())
        self.serial: int = document.get("serial", 0)
        self.outputs: Json = document.get("outputs", {})
        self.objects: dict[str, Json] = {
            f"{each['type']}.{each['name']}": each["instances"][0]["attributes"]
            for each in document.get("resources", [])
        }

    @classmethod
    def read(cls) -> "State":
        """Read the folder's state; an empty one where there is none."""
        try:
            content = STATE.read_bytes()
        except FileNotFoundError:
            content = b""
        return cls(json.loads(content) if content else None)

    @property
    def document(self) -> Json:
        """The state as a file's content."""
        provider = 'provider["provider.slipway.internal/slipway/fleet"]'
        resources = []
        for address, attributes in self.objects.items():
            kind, name = address.split(".")
            instances = [{"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}]
            resources.append({"mode": "managed", "type": kind, "name": name, "provider": provider})
            resources[-1]["instances"] = instances  # type: ignore[assignment]  # a JSON object
        return {
            "version": 4,
            "terraform_version": VERSION,
            "serial": self.serial,
            "lineage": self.lineage,
            "outputs": self.outputs,
            "resources": resources,
            "check_results": None,
        }


class StateFile:
    """The state's file, open and locked as the real one locks it, rewritten in place."""

    def __init__(self) -> None:
        handle = os.open(STATE, os.O_RDWR | os.O_CREAT, 0o600)
        self._file: BinaryIO = os.fdopen(handle, "r+b", buffering=0)
        fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, state: State) -> None:
        """Write the next serial.

        Raises:
            OSError: There is no room; what could be written stands in the file.
        """
        state.serial += 1
        content = json.dumps(state.document, indent=2).encode()
        self._file.seek(0)
        self._file.truncate()
        written = self._file.write(content)
        if written != len(content):
            raise OSError(28, "no space left on device")


def inputs_read(path: str) -> Json:
    """Read the variables."""
    found: Json = json.loads(Path(path).read_bytes())
    return found


def imports_read() -> dict[str, str]:
    """Read what the plan shall take over: ids by address, from the import blocks beside the module."""
    found: dict[str, str] = {}
    for path in Path().glob("*.tf.json"):
        for block in json.loads(path.read_bytes()).get("import", []):
            found[block["to"]] = block["id"]
    return found
