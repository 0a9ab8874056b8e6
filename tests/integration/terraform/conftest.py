"""A client with real Terraform, templates made by the adapter, and specs for runs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from platform_api.core.credentials import password_make, scram_sha_256_verifier
from platform_api.process.programs import terraform_find
from platform_api.terraform.client import Watch
from platform_api.terraform.events import Event
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.spec import RunSpec, Template
from platform_api.terraform.state import StateVersion
from platform_api.terraform.templates import template_build
from platform_api.terraform.toolchain import Toolchain, toolchain_make
from platform_api.terraform.zygote import Zygote
from tests.integration.fleet import OWN_PREFIX, Fleet, fleet, zygote

__all__ = ["fleet", "zygote"]

MODULES = Path(__file__).resolve().parents[3] / "terraform_modules"


@dataclass
class Heard:
    """What a watch was told."""

    events: list[Event] = field(default_factory=list)
    states: list[StateVersion] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.events]

    def watch(
        self,
        *,
        deadline_seconds: float = 60.0,
        silence_seconds: float | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Watch:
        return Watch(
            deadline_seconds=deadline_seconds,
            silence_seconds=silence_seconds,
            on_event=self.events.append,
            on_state=self.states.append,
            should_stop=should_stop,
        )


@dataclass(frozen=True)
class Order:
    """A database that a test asks for."""

    name: str
    password: str
    verifier: str
    secrets: tuple[str, ...]

    def variables(self, **changes: object) -> dict[str, Any]:
        own = {"name": self.name, "managed_by": f"res_{self.name}", "password_verifier": self.verifier}
        return {**own, **changes}


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="session")
def toolchain(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    return toolchain_make(tmp_path_factory.mktemp("toolchain"), terraform_find())


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("templates")


@pytest.fixture(scope="session")
def database_template(templates: Path, toolchain: Toolchain) -> Template:
    return template_build(MODULES / "postgres-database", templates=templates, toolchain=toolchain)


@pytest.fixture
def client(tmp_path: Path, toolchain: Toolchain, zygote: Zygote) -> LocalTerraform:
    return LocalTerraform(base=tmp_path / "runs", toolchain=toolchain, zygote=zygote, minimum_free_bytes=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the run ``run_1``."""
    return tmp_path / "runs" / "run_1"


@pytest.fixture
def order_make(fleet: Fleet) -> Iterator[Callable[[], Order]]:
    """Make orders with names of their own; what they leave on the server is swept away."""
    made: list[Order] = []

    def make() -> Order:
        password = password_make()
        verifier = scram_sha_256_verifier(password)
        name = f"{OWN_PREFIX}{password_make().lower().replace('-', '_')}"
        made.append(Order(name=name, password=password, verifier=verifier, secrets=(password, verifier)))
        return made[-1]

    yield make
    for order in made:
        fleet.sweep(order.name)


@pytest.fixture
def order(order_make: Callable[[], Order]) -> Order:
    return order_make()


@pytest.fixture
def database_spec(database_template: Template, fleet: Fleet, order: Order) -> Callable[..., RunSpec]:
    """Make specs of runs for one database."""

    def make(*, variables: Mapping[str, object] | None = None, **changes: Any) -> RunSpec:
        fields: dict[str, Any] = {
            "run_id": "run_1",
            "template": database_template,
            "variables": order.variables(**(variables or {})),
            "credentials": fleet.credentials,
            "secrets": order.secrets,
            "stateful_types": frozenset({"fleet_postgres_database"}),
            **changes,
        }
        return RunSpec(**fields)

    return make


@pytest.fixture
def module_template(tmp_path: Path, templates: Path, toolchain: Toolchain) -> Callable[[str], Template]:
    """Make a template of a module that needs no provider of ours."""

    def make(configuration: str) -> Template:
        module = tmp_path / "module"
        module.mkdir(exist_ok=True)
        (module / "main.tf").write_text(configuration)
        return template_build(module, templates=templates, toolchain=toolchain)

    return make
