"""The fleet's PostgreSQL, real Terraform and the two ways to run the provider, for tests.

What the tests of Valkey's resources have of their own is in ``fleet_valkey``.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from fleet_provider.address import CREDENTIALS_FILE_VARIABLE
from fleet_provider.mirror import cli_configuration_write, mirror_build
from platform_api.core.credentials import password_make, scram_sha_256_verifier
from platform_api.terraform.zygote import ProviderHandle, Zygote

CONFIGURATION = """
terraform {
  required_providers {
    fleet = { source = "provider.slipway.internal/slipway/fleet" }
  }
}

variable "name" { type = string }
variable "managed_by" { type = string }
variable "verifier" {
  type      = string
  sensitive = true
}
variable "connection_limit" {
  type    = number
  default = 5
}
variable "timeout_seconds" {
  type    = number
  default = 30
}
variable "privileges" {
  type    = set(string)
  default = ["CONNECT", "TEMPORARY"]
}

resource "fleet_postgres_role" "this" {
  name                      = var.name
  managed_by                = var.managed_by
  password_verifier         = var.verifier
  connection_limit          = var.connection_limit
  statement_timeout_seconds = var.timeout_seconds
}

resource "fleet_postgres_database" "this" {
  name             = var.name
  managed_by       = var.managed_by
  owner            = fleet_postgres_role.this.name
  connection_limit = var.connection_limit
}

resource "fleet_postgres_grant" "this" {
  database   = fleet_postgres_database.this.name
  role       = fleet_postgres_role.this.name
  privileges = var.privileges
}
"""


def wait_until(condition: Callable[[], object], *, what: str, seconds: float = 30.0) -> None:
    """Poll until the condition holds; fail with what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)


@dataclass
class Fleet:
    """The server as its admin sees it."""

    url: str
    admin: psycopg.Connection[dict[str, Any]]
    is_superuser: bool

    @property
    def credentials(self) -> dict[str, Any]:
        return {"postgres": {"url": self.url}}

    @property
    def admin_password(self) -> str:
        return psycopg.conninfo.conninfo_to_dict(self.url)["password"]  # type: ignore[return-value]  # a string for this key

    def value(self, query: str, *parameters: object) -> Any:
        row = self.admin.execute(query.encode(), parameters or None).fetchone()
        return next(iter(row.values())) if row else None

    def do(self, statement: str) -> None:
        self.admin.execute(statement.encode())

    def login(self, *, user: str, password: str, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, user=user, password=password, dbname=database, connect_timeout=5)

    def waiting_providers(self) -> int:
        """How many providers wait for a lock, such as the one that ``held`` holds."""
        count = self.value(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'slipway-fleet' AND wait_event_type = 'Lock'"
        )
        return int(count)

    @contextlib.contextmanager
    def held(self, kind: str, name: str) -> Iterator[None]:
        """Hold the provider's own lock on an object, so that its work on it stops half way."""
        from fleet_provider.clients.postgres import Session

        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            Session(connection).lock(kind, name)
            yield

    def sweep(self, name: str) -> None:
        with contextlib.suppress(psycopg.errors.InvalidCatalogName):
            self.do(f"DROP DATABASE {name} WITH (FORCE)")
        self.do(f"DROP ROLE IF EXISTS {name}")


@dataclass
class Workspace:
    """One Terraform folder, as a run has it."""

    folder: Path
    configuration: Path
    credentials_file: Path
    values: dict[str, Any]
    first_name: str
    password: str
    handle: ProviderHandle | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.values["name"])

    def environment(self) -> dict[str, str]:
        common = {
            "PATH": os.environ["PATH"],
            "TF_CLI_CONFIG_FILE": str(self.configuration),
            "TF_IN_AUTOMATION": "1",
            "TMPDIR": str(self.folder),
        }
        if self.handle is not None:
            return {**common, **self.handle.environment}
        return {**common, CREDENTIALS_FILE_VARIABLE: str(self.credentials_file)}

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        (self.folder / "inputs.tfvars.json").write_text(json.dumps(self.values))
        with (self.folder / "output").open("ab") as output:
            process = subprocess.Popen(
                ["terraform", *arguments],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                pass_fds=[self.handle.lifeline] if self.handle else [],
            )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command, expect its exit code and return what it wrote."""
        (self.folder / "output").write_bytes(b"")
        process = self.start(*arguments)
        actual = process.wait(90)
        output = (self.folder / "output").read_text()
        assert actual == code, output
        return output

    def apply(self, *, code: int = 0) -> str:
        return self.run(*APPLY, code=code)

    def destroy(self, *, code: int = 0) -> str:
        return self.run("destroy", "-no-color", "-auto-approve", "-var-file=inputs.tfvars.json", code=code)

    def plan(self) -> dict[str, list[str]]:
        """Return the actions planned for each resource type that would change, without the prefix."""
        self.run("plan", "-no-color", "-out=plan.bin", "-var-file=inputs.tfvars.json")
        changes = json.loads(self.run("show", "-json", "plan.bin")).get("resource_changes", [])
        return {
            kind_of(change): change["change"]["actions"]
            for change in changes
            if change["change"]["actions"] != ["no-op"]
        }

    def drift(self) -> dict[str, set[str]]:
        """Return what a refresh saw: for each type the changed attributes, or ``gone``."""
        self.run("plan", "-no-color", "-refresh-only", "-out=plan.bin", "-var-file=inputs.tfvars.json")
        found: dict[str, set[str]] = {}
        for change in json.loads(self.run("show", "-json", "plan.bin")).get("resource_drift", []):
            before, after = change["change"]["before"], change["change"]["after"]
            found[kind_of(change)] = {"gone"} if after is None else {key for key in before if before[key] != after[key]}
        return found

    def in_state(self) -> set[str]:
        """Return the types in the state; Terraform writes it in place, so a look in between finds nothing."""
        path = self.folder / "terraform.tfstate"
        text = path.read_text() if path.exists() else ""
        resources = json.loads(text)["resources"] if text.endswith("}\n") else []
        return {kind_of(item) for item in resources if item["instances"]}

    def forget_state(self) -> None:
        for path in self.folder.glob("*.tfstate*"):
            path.unlink()

    def launched_providers(self) -> list[int]:
        """Process ids of launched providers that belong to this folder."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                mine = f"TMPDIR={self.folder}\0".encode() in (folder / "environ").read_bytes()
                if mine and b"serve.launched()" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        if self.handle is not None:
            self.handle.end()


OWN_PREFIX = "t_"
APPLY = ("apply", "-no-color", "-auto-approve", "-var-file=inputs.tfvars.json")


def kind_of(item: dict[str, Any]) -> str:
    """Name an item's type without provider and server: ``role`` of ``fleet_postgres_role``."""
    return str(item["type"]).split("_", 2)[2]


def is_alive(pid: int) -> bool:
    """Whether a process lives; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    url = os.environ.get("FLEET_DATABASE_URL")
    if not url:
        pytest.fail("FLEET_DATABASE_URL is not set: the tests' plugin of servers, or a developer, sets it")
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as admin:
        yield Fleet(url=url, admin=admin, is_superuser=admin.info.parameter_status("is_superuser") == "on")


@pytest.fixture(scope="session")
def cli_configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    mirror_build(folder / "mirror")
    return cli_configuration_write(folder / "terraform.rc", mirror=folder / "mirror")


@pytest.fixture(scope="session")
def credentials_file(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet) -> Path:
    path = tmp_path_factory.mktemp("credentials") / "fleet.json"
    path.touch(0o600)
    path.write_text(json.dumps({**fleet.credentials, "valkey": {"url": os.environ["FLEET_VALKEY_URL"]}}))
    return path


@pytest.fixture(scope="session")
def initialized(tmp_path_factory: pytest.TempPathFactory, cli_configuration: Path) -> Path:
    """A folder in which ``terraform init`` was run once; each workspace is a copy."""
    return folder_initialize(tmp_path_factory.mktemp("initialized"), CONFIGURATION, cli_configuration)


def folder_initialize(folder: Path, text: str, cli_configuration: Path) -> Path:
    """Write a configuration into a folder, run ``terraform init`` there, and return it."""
    (folder / "main.tf").write_text(text)
    subprocess.run(
        ["terraform", "init", "-no-color", "-input=false"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TF_CLI_CONFIG_FILE": str(cli_configuration)},
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    zygote.start()
    yield zygote
    zygote.stop()


@dataclass
class Workspaces:
    """Makes workspaces, each with names of its own, and sweeps away what they leave on the server.

    Attributes:
        parent: Where their folders are made.
        initialized: What they are copies of.
        configuration: Terraform's own.
        credentials_file: For launched providers.
        secret: Gives the variables that come from a password.
        sweep: Removes everything of a name from the server.
    """

    parent: Path
    initialized: Path
    configuration: Path
    credentials_file: Path
    secret: Callable[[str], dict[str, Any]]
    sweep: Callable[[str], None]
    made: list[Workspace] = field(default_factory=list)

    def make(self, **values: object) -> Workspace:
        folder = self.parent / f"run{len(self.made)}"
        shutil.copytree(self.initialized, folder, symlinks=True)
        folder.chmod(0o700)
        password = password_make()
        defaults = {
            "name": f"{OWN_PREFIX}{os.urandom(6).hex()}",
            "managed_by": f"res_{os.urandom(6).hex()}",
            **self.secret(password),
        }
        self.made.append(
            Workspace(
                folder=folder,
                configuration=self.configuration,
                credentials_file=self.credentials_file,
                values={**defaults, **values},
                first_name=defaults["name"],
                password=password,
            )
        )
        return self.made[-1]

    def close(self) -> None:
        for workspace in self.made:
            workspace.close()
        for name in {workspace.first_name for workspace in self.made} | {workspace.name for workspace in self.made}:
            if name.startswith(OWN_PREFIX):
                self.sweep(name)


@pytest.fixture
def workspace_make(
    tmp_path: Path, fleet: Fleet, initialized: Path, cli_configuration: Path, credentials_file: Path
) -> Iterator[Callable[..., Workspace]]:
    """Make workspaces for roles, databases and grants."""
    workspaces = Workspaces(
        parent=tmp_path,
        initialized=initialized,
        configuration=cli_configuration,
        credentials_file=credentials_file,
        secret=lambda password: {"verifier": scram_sha_256_verifier(password)},
        sweep=fleet.sweep,
    )
    yield workspaces.make
    workspaces.close()


@pytest.fixture
def workspace(workspace_make: Callable[..., Workspace], zygote: Zygote, fleet: Fleet) -> Workspace:
    """A run's folder whose provider is forked from the zygote."""
    made = workspace_make()
    made.handle = zygote.provider_start(made.folder, fleet.credentials)
    return made
