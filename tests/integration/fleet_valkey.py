"""The fleet's Valkey for tests: its admin, its customers, and workspaces with users, streams and keyspaces."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import redis

from fleet_provider.clients.valkey import Valkey
from fleet_provider.credentials import ValkeyCredentials
from fleet_provider.resources.register import REGISTER
from platform_api.core.credentials import sha256_verifier
from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import Workspace, Workspaces, folder_initialize

CONFIGURATION = """
terraform {
  required_providers {
    fleet = { source = "provider.slipway.internal/slipway/fleet" }
  }
}

variable "name" { type = string }
variable "managed_by" { type = string }
variable "digest" {
  type      = string
  sensitive = true
}
variable "group" {
  type    = string
  default = "workers"
}
variable "key" {
  type    = string
  default = "stream"
}
variable "max_length" {
  type    = number
  default = 100
}
variable "max_bytes" {
  type    = number
  default = 1048576
}
variable "patterns" {
  type    = set(string)
  default = ["stream", "cache.*"]
}
variable "channels" {
  type    = set(string)
  default = null
}
variable "commands" {
  type    = list(string)
  default = ["+@stream", "+@string", "+ping", "+select|0"]
}

resource "fleet_valkey_keyspace" "this" {
  prefix     = "${var.name}:"
  managed_by = var.managed_by
  max_bytes  = var.max_bytes
}

resource "fleet_valkey_stream" "this" {
  key        = "${var.name}:${var.key}"
  managed_by = var.managed_by
  group      = var.group
  max_length = var.max_length
  max_bytes  = var.max_bytes
  depends_on = [fleet_valkey_keyspace.this]
}

resource "fleet_valkey_user" "this" {
  name             = var.name
  managed_by       = var.managed_by
  password_sha256  = var.digest
  key_patterns     = [for pattern in var.patterns : "${var.name}:${pattern}"]
  channel_patterns = var.channels == null ? null : [for pattern in var.channels : "${var.name}:${pattern}"]
  commands         = var.commands
  depends_on       = [fleet_valkey_stream.this]
}
"""


Client = Any
"""A ``redis.Redis``; by its types each answer may be a text, bytes, a number or None."""


@dataclass
class ValkeyFleet:
    """The server as its admin sees it.

    Attributes:
        url: With the admin's password.
        admin: The admin's client; answers are texts.
    """

    url: str
    admin: Client

    @classmethod
    def at(cls, url: str) -> "ValkeyFleet":
        return cls(url, redis.Redis.from_url(url, decode_responses=True))

    @property
    def credentials(self) -> dict[str, Any]:
        return {"valkey": {"url": self.url}}

    @property
    def admin_password(self) -> str:
        return unquote(urlsplit(self.url).password or "")

    def client(self) -> Valkey:
        """The provider's own client, as the admin."""
        return Valkey(ValkeyCredentials.read({"url": self.url}))

    def do(self, *words: str | int) -> Any:
        return self.admin.execute_command(*words)

    def login(self, user: str, password: str) -> Client:
        parts = urlsplit(self.url)
        return redis.Redis(
            host=str(parts.hostname),
            port=int(parts.port or 0),
            username=user,
            password=password,
            decode_responses=True,
        )

    def entry(self, kind: str, name: str) -> dict[str, Any] | None:
        text = self.admin.hget(REGISTER, f"{kind}/{name}")
        return json.loads(text) if text else None

    def left(self, name: str) -> list[str]:
        """Return everything that is left of a name: its user, its keys, its entries in the register."""
        users = [f"user {user}" for user in self.do("ACL", "USERS") if user == name]
        keys = [f"key {key}" for key in self.admin.scan_iter(f"{name}:*")]
        fields = self.admin.hkeys(REGISTER)
        return users + keys + [f"entry {field}" for field in fields if field.partition("/")[2].split(":")[0] == name]

    def sweep(self, name: str) -> None:
        self.do("ACL", "DELUSER", name)
        for key in self.admin.scan_iter(f"{name}:*"):
            self.admin.delete(key)
        for kind, rest in (("user", ""), ("stream", ":stream"), ("keyspace", ":")):
            self.admin.hdel(REGISTER, f"{kind}/{name}{rest}")
        self.do("ACL", "SAVE")


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyFleet]:
    url = os.environ.get("FLEET_VALKEY_URL")
    if not url:
        pytest.fail("FLEET_VALKEY_URL is not set: the tests' plugin of servers, or a developer, sets it")
    fleet = ValkeyFleet.at(url)
    yield fleet
    fleet.admin.close()


@pytest.fixture(scope="session")
def valkey_initialized(tmp_path_factory: pytest.TempPathFactory, cli_configuration: Path) -> Path:
    return folder_initialize(tmp_path_factory.mktemp("valkey-initialized"), CONFIGURATION, cli_configuration)


@pytest.fixture
def workspace_make(
    tmp_path: Path, valkey: ValkeyFleet, valkey_initialized: Path, cli_configuration: Path, credentials_file: Path
) -> Iterator[Callable[..., Workspace]]:
    """Make workspaces for a user, a stream and a keyspace."""
    workspaces = Workspaces(
        parent=tmp_path,
        initialized=valkey_initialized,
        configuration=cli_configuration,
        credentials_file=credentials_file,
        secret=lambda password: {"digest": sha256_verifier(password)},
        sweep=valkey.sweep,
    )
    yield workspaces.make
    workspaces.close()


@pytest.fixture
def workspace(workspace_make: Callable[..., Workspace], zygote: Zygote, valkey: ValkeyFleet) -> Workspace:
    """A run's folder whose provider is forked from the zygote."""
    made = workspace_make()
    made.handle = zygote.provider_start(made.folder, valkey.credentials)
    return made


@pytest.fixture
def customer(workspace: Workspace, valkey: ValkeyFleet) -> Iterator[Client]:
    """The user of ``workspace``, which is applied for it."""
    workspace.apply()
    with valkey.login(workspace.name, workspace.password) as client:
        yield client
