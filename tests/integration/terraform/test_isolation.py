"""What reaches Terraform, and what leaks from it: values literally, secrets nowhere, runs side by side."""

import contextlib
import json
import os
import stat
import subprocess
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from platform_api.process.identity import descendants
from platform_api.terraform.cli import CommandLine, environment_build
from platform_api.terraform.client import AppliedRun, PlanMode, RunEnding, Watch
from platform_api.terraform.events import EventKind
from platform_api.terraform.local import LocalTerraform
from platform_api.terraform.plan import plan_digest, plan_document
from platform_api.terraform.spec import ProviderWay, RunSpec, Template
from platform_api.terraform.toolchain import Toolchain
from tests.integration.fleet import Fleet
from tests.integration.terraform.conftest import Heard, Order

MakeTemplate = Callable[[str], Template]

ECHO = """
variable "values" { type = map(string) }
resource "terraform_data" "this" { input = var.values }
"""
SECRETIVE = """
variable "password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "this" {
  input = var.password
  provisioner "local-exec" {
    command     = "cat secret.txt; echo postgresql://admin:$(cat secret.txt)@host/db; env"
    working_dir = path.module
  }
}
resource "terraform_data" "copy" { input = terraform_data.this.output }
"""
SLEEPER = """
resource "terraform_data" "a" {
  provisioner "local-exec" { command = "exec sleep 60" }
}
"""
# What other languages and Terraform's own would evaluate, end or escape.
HOSTILE = st.one_of(
    st.sampled_from(
        [
            '${file("/etc/passwd")}',
            "%{ if true }x%{ endif }",
            "$${escaped}",
            "%%{escaped}",
            '"; terraform destroy',
            "<<EOT\nx\nEOT",
            "\\u0041\\",
            "$(id) `id`",
            "'\"\\\r\n\t\x7f",
            "\u202e\u2028\u0000",
            "-var=x",
            "",
            "null",
            "1e3",
        ]
    ),
    st.text(alphabet=st.sampled_from(list("${}%\"\\'\n\r\t<>~`&;|#/*()[] é漢🦊\u200b0aA")), max_size=60),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


def files_holding(folder: Path, secret: str) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes()
    ]


def test_three_hundred_hostile_texts_arrive_literally(
    client: LocalTerraform, module_template: MakeTemplate, heard: Heard
) -> None:
    texts: list[str] = []

    @settings(
        max_examples=300,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(HOSTILE)
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    values = {f"v{number}": text for number, text in enumerate(texts)}
    assert len(values) >= 250
    template = module_template(ECHO)
    spec = RunSpec(run_id="run_1", template=template, variables={"values": values})
    with client.prepare(spec) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        assert planned.summary, planned.failure
        seen = {change.path.removeprefix("input."): change.after for change in planned.summary.objects[0].changes}
        applied = run.apply(digest=planned.digest, watch=heard.watch())
    # Terraform keeps texts in Unicode's composed form; beyond that nothing may differ.
    expected = {name: unicodedata.normalize("NFC", text) for name, text in values.items()}
    assert {name: seen[name] for name in expected} == expected
    assert applied.state
    state = json.loads(applied.state.content)
    assert state["resources"][0]["instances"][0]["attributes"]["input"]["value"] == expected


@pytest.mark.parametrize("way", list(ProviderWay))
def test_the_clear_password_is_nowhere_and_the_admins_only_where_the_way_needs_it(
    way: ProviderWay, client: LocalTerraform, database_spec: Callable[..., RunSpec], order: Order, folder: Path
) -> None:
    heard = Heard()
    spec = database_spec(provider_way=way)
    with client.prepare(spec) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        applied = run.apply(digest=planned.digest, watch=heard.watch())
        assert applied.ending is RunEnding.SUCCEEDED

        assert files_holding(folder, order.verifier), "the search itself must work"
        assert files_holding(folder, order.password) == []
        assert spec.credentials
        holding = {path.name for path in files_holding(folder, spec.credentials["postgres"]["url"])}
        assert holding == (set() if way is ProviderWay.REATTACH else {"fleet.json"})
        for path in folder.rglob("*"):
            is_ours = not path.is_symlink() and path.is_file() and path.suffix not in {".tf", ".hcl", ".md", ".yaml"}
            if is_ours:
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        said = repr((planned, applied, heard.events, heard.states, spec))
    for secret in (order.password, order.verifier, spec.credentials["postgres"]["url"]):
        assert secret not in said
    assert not folder.exists()


def test_what_a_module_prints_of_a_secret_is_redacted_and_its_plan_hides_what_providers_hand_on(
    client: LocalTerraform, module_template: MakeTemplate, folder: Path
) -> None:
    secret = 'c0rrect "horse" battery'
    heard = Heard()
    spec = RunSpec(
        run_id="run_1", template=module_template(SECRETIVE), variables={"password": secret}, secrets=(secret,)
    )
    with client.prepare(spec) as run:
        (folder / "secret.txt").write_text(secret)
        first = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        applied = run.apply(digest=first.digest, watch=heard.watch())
        assert applied.ending is RunEnding.SUCCEEDED, applied.failure
        second = run.plan(mode=PlanMode.DESTROY, watch=heard.watch())
        assert secret.encode() in (folder / "apply.log").read_bytes().replace(b'\\"', b'"'), "it was printed"
    lines = [event.line for event in heard.events]
    assert any("[redacted]" in line for line in lines)
    assert not any("horse" in line for line in lines)
    assert first.summary
    assert second.summary
    hidden = {change.path for item in second.summary.objects for change in item.changes if change.is_sensitive}
    assert hidden == {"input", "output"}
    assert "horse" not in repr((first, second, heard.events))


def test_the_environment_of_the_child_holds_nothing_of_ours(
    client: LocalTerraform,
    module_template: MakeTemplate,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = Heard()
    monkeypatch.setenv("SECRET_KEY", "canary-value")
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-destroy")
    monkeypatch.setenv("TF_VAR_values", '{"x": "canary-value"}')
    spec = RunSpec(run_id="run_1", template=module_template(SLEEPER), variables={})
    seen: dict[str, str] = {}

    def look() -> bool:
        if any(event.kind is EventKind.APPLY_START for event in heard.events):
            for identity in descendants(os.getpid()):
                with contextlib.suppress(OSError):
                    process = Path(f"/proc/{identity.pid}")
                    program = process.joinpath("cmdline").read_bytes().split(b"\0")[0]
                    if process.joinpath("cwd").readlink() == folder and program.endswith(b"terraform"):
                        pairs = process.joinpath("environ").read_text().rstrip("\0").split("\0")
                        seen.update(dict(pair.split("=", 1) for pair in pairs))
        return bool(seen)

    with client.prepare(spec) as run:
        planned = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        assert planned.summary
        assert planned.summary.add == 1, "TF_CLI_ARGS_plan of ours would have made it a destroy plan"
        run.apply(digest=planned.digest, watch=heard.watch(should_stop=look))
    assert set(seen) == {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "TF_CLI_CONFIG_FILE",
        "TF_IN_AUTOMATION",
        "TF_INPUT",
        "SLIPWAY_RUN",
        "CHECKPOINT_DISABLE",
        "GOGC",
    }
    assert "canary" not in repr(seen)


def test_two_runs_side_by_side_do_not_disturb_each_other(
    client: LocalTerraform,
    database_template: Template,
    fleet: Fleet,
    order_make: Callable[[], Order],
) -> None:
    orders = {"run_1": order_make(), "run_2": order_make()}
    applied: dict[str, AppliedRun] = {}
    meeting = threading.Barrier(2, timeout=60)

    def carry_out(run_id: str, order: Order) -> None:
        spec = RunSpec(
            run_id=run_id,
            template=database_template,
            variables=order.variables(),
            credentials=fleet.credentials,
            secrets=order.secrets,
        )
        watch = Watch(deadline_seconds=60)
        with client.prepare(spec) as run:
            planned = run.plan(mode=PlanMode.NORMAL, watch=watch)
            meeting.wait()
            applied[run_id] = run.apply(digest=planned.digest, watch=watch)
            meeting.wait()

    threads = [threading.Thread(target=carry_out, args=pair) for pair in orders.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    for run_id, order in orders.items():
        state = applied[run_id].state
        assert applied[run_id].ending is RunEnding.SUCCEEDED, applied[run_id].failure
        assert state
        assert state.outputs.shown["database"] == order.name


def test_a_digest_is_the_same_for_each_show_and_different_for_each_plan(
    client: LocalTerraform,
    database_spec: Callable[..., RunSpec],
    heard: Heard,
    folder: Path,
    toolchain: Toolchain,
) -> None:
    with client.prepare(database_spec()) as run:
        first = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        second = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
        environment = environment_build(folder, configuration=toolchain.configuration, provider={})
        argv = CommandLine(toolchain.program.path).show()
        shown = {
            plan_digest(plan_document(subprocess.check_output(argv, cwd=folder, env=environment))) for _ in range(4)
        }
    assert shown == {second.digest}
    changed = database_spec(variables={"connection_limit": 21})
    with client.prepare(changed) as run:
        third = run.plan(mode=PlanMode.NORMAL, watch=heard.watch())
    assert third.digest not in {first.digest, second.digest}
