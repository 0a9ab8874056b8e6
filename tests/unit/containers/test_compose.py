"""What docker-compose.yml promises: read as YAML always, by docker-compose itself where it is at hand."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from platform_api.embedded.containers.secrets import BUNDLES
from platform_api.settings import base
from platform_api.settings.components.browsers import cors_origins
from platform_api.settings.components.ci import trusted_issuers
from platform_api.settings.components.identity import sign_on
from platform_api.settings.components.rates import rates

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"migrate", "demo"}
LONG_RUNNING = sorted(set(SERVICES) - ONE_SHOT)
GIVEN = {"metrics_token", "oidc_client_secret"}
"""Secrets that another party makes; without a file of theirs an empty one is mounted."""
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def secrets_of(name: str) -> set[str]:
    return set(SERVICES[name].get("secrets", []))


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_service_that_stays_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert re.fullmatch(r"\d+[sm]", SERVICES[name]["stop_grace_period"])


@every_service
def test_no_service_may_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["init"] is True
    assert not {"privileged", "cap_add", "pid", "ipc", "devices"} & set(service)
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))


@every_service
def test_no_service_runs_as_root(name: str) -> None:
    if name in OURS:
        users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
        assert users == ["10001:10001"]
        assert "user" not in SERVICES[name]
    else:
        assert SERVICES[name]["user"] in {"postgres", "valkey"}


@every_service
def test_secrets_are_files_and_no_value_looks_like_one(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if variable.endswith("_FILE"):
            assert str(value).removeprefix("/run/secrets/") in secrets_of(name)
        else:
            assert not re.search(r"PASSWORD|SECRET|KEY|TOKEN|_URL$", variable), variable
    assert not re.search(r"://[^/\s]*:[^/\s]*@", yaml.safe_dump(SERVICES[name]))


def test_only_the_migration_may_act_as_the_owner_of_the_tables() -> None:
    assert [name for name in SERVICES if "database_owner_url" in secrets_of(name)] == ["migrate"]


def test_the_policy_helper_has_neither_network_nor_secrets_nor_settings() -> None:
    policy = SERVICES["policy"]
    assert policy["network_mode"] == "none"
    assert not {"networks", "environment", "ports"} & set(policy)
    assert policy["secrets"] == []


def test_only_the_worker_brings_terraform_and_only_worker_and_limits_reach_both_sides() -> None:
    assert [name for name in OURS if SERVICES[name]["build"]["target"] == "worker"] == ["worker"]
    both = [name for name in LONG_RUNNING if {"control", "fleet"} <= set(SERVICES[name].get("networks", []))]
    assert both == ["limits", "worker"]
    assert COMPOSE["networks"]["control"] == COMPOSE["networks"]["fleet"] == {"internal": True}


def test_what_is_published_is_published_on_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(ports) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in ports["api"])


def test_nothing_of_the_service_starts_before_the_tables_are_there() -> None:
    for name in ("api", "dispatcher", "limits", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["api"]["depends_on"]["policy"] == {"condition": "service_healthy"}


def test_every_secret_that_is_named_is_made_and_every_one_made_is_used() -> None:
    made = {name for bundle in BUNDLES for name in bundle.names}
    assert set(COMPOSE["secrets"]) == made | GIVEN == set().union(*map(secrets_of, SERVICES))


def passed_on() -> dict[str, str]:
    """Return what the API gets of the settings that nobody has to choose."""
    environment: dict[str, str] = SERVICES["api"]["environment"]
    everywhere = {**COMPOSE["x-settings"], **COMPOSE["x-metrics"]}
    return {name: value for name, value in environment.items() if name not in everywhere}


def test_the_api_is_passed_all_that_says_who_may_come_and_how_often() -> None:
    components = ROOT / "platform_api" / "settings" / "components"
    sources = [(components / f"{name}.py").read_text() for name in ("browsers", "ci", "identity", "rates")]
    read = re.findall(r'env\.(\w+)\(\s*"([A-Z_]+)"', "".join(sources))
    values = {name for kind, name in read if kind != "secret"}
    files = {
        f"{name}_FILE": f"/run/secrets/{name.removeprefix('SLIPWAY_').lower()}"
        for kind, name in read
        if kind == "secret"
    }
    assert passed_on() == {**{name: f"${{{name}:-}}" for name in values}, **files}


def test_those_that_tell_metrics_and_no_others_have_the_token_and_publish_no_port_for_them() -> None:
    told = COMPOSE["x-metrics"]
    watched = {name for name in SERVICES if "metrics_token" in secrets_of(name)}
    assert watched == {"api", "dispatcher", "worker"}
    for name, service in SERVICES.items():
        environment = service.get("environment", {})
        assert {key: environment[key] for key in told if key in environment} == (told if name in watched else {})
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["api"]


def test_what_nobody_has_chosen_is_as_if_it_were_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def settings() -> list[object]:
        return [sign_on(), trusted_issuers(), cors_origins(), rates()]

    for name in passed_on():
        monkeypatch.delenv(name, raising=False)
    before = settings()
    for name in passed_on():
        monkeypatch.setenv(name, "/dev/null" if name.endswith("_FILE") else "")
    assert settings() == before
    monkeypatch.setenv("SLIPWAY_OIDC_ISSUER", "https://login.example.com")
    monkeypatch.setenv("SLIPWAY_OIDC_CLIENT_ID", "slipway")
    with pytest.raises(ImproperlyConfigured, match=r"SLIPWAY_OIDC_CLIENT_SECRET .* is not set"):
        sign_on()


def test_every_mounted_file_is_there_and_what_is_run_may_be_run() -> None:
    mounted = [
        ROOT / volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert len(mounted) == 6
    assert all(file.is_file() for file in mounted)
    assert all(file.stat().st_mode & 0o100 for file in mounted if file.suffix == ".sh")


def test_the_valkey_of_the_fleet_has_a_limit_that_evicts_no_queue_and_the_broker_evicts_nothing() -> None:
    environment = SERVICES["fleet-valkey"]["environment"]
    assert environment["SERVER_MAXMEMORY"] == "${SLIPWAY_FLEET_VALKEY_MEMORY:-1gb}"
    assert environment["SERVER_MAXMEMORY_POLICY"] == "volatile-lru"
    assert "environment" not in SERVICES["redis"]
    started = (ROOT / "containers/valkey/start.sh").read_text()
    assert '--maxmemory "${SERVER_MAXMEMORY:-0}"' in started
    assert '--maxmemory-policy "${SERVER_MAXMEMORY_POLICY:-noeviction}"' in started


def test_the_databases_are_set_up_by_the_documented_files() -> None:
    assert "./docs/database-users.sql:/slipway/database-users.sql:ro" in SERVICES["db"]["volumes"]
    assert "./docs/fleet-admin.sql:/slipway/fleet-admin.sql:ro" in SERVICES["fleet-db"]["volumes"]


def test_the_image_holds_every_app_and_neither_tests_nor_secrets() -> None:
    allowed = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    ours = {app.split(".")[0] for app in base.INSTALLED_APPS if (ROOT / app.split(".")[0]).is_dir()}
    assert ours | {"fleet_provider", "policies", "terraform_modules", "manage.py"} <= sources
    assert sources == set(allowed)
    assert not {"tests", "containers/secrets", ".env", ".slipway"} & sources


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not on PATH")
def test_docker_compose_accepts_the_file() -> None:
    answer = subprocess.run(
        ("docker-compose", "--file", str(FILE), "config", "--quiet"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
