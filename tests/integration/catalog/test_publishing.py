import io
import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from catalog.manifest.packing import DigestMismatchError, module_digest
from catalog.manifest.reading import candidate_read
from catalog.models import Offering, OfferingVersion, Plan
from catalog.services.modules import module_unpack
from catalog.services.publishing import KindChangedError, VersionTakenError, version_publish
from catalog.services.retirement import plan_retire, version_deprecate, version_retire
from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from tests.integration.catalog.conftest import Publish
from tests.modules import MAIN, MANIFEST, VARIABLES, module_write
from tests.people import TESTS

pytestmark = pytest.mark.django_db

NEXT = MANIFEST.replace("version: 1.0.0", "version: 1.1.0")


def sync(*paths: Path) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("sync_catalog", *map(str, paths), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_version_is_published_with_its_plans_and_an_event(publish: Publish) -> None:
    version = OfferingVersion.objects.select_related("offering").get(pk=publish().pk)
    assert (version.offering.slug, version.offering.kind, version.version) == ("widget", "queue", "1.0.0")
    assert version.digest == module_digest(bytes(version.module))
    assert version.published_by == "tests"
    assert version.connection_kind == "postgres"
    assert [variable["set_by"] for variable in version.variables] == ["platform", "platform", "user", "user"]
    assert version.outputs[-1] == {"name": "hint", "description": "A secret.", "sensitive": True}
    small, red = Plan.objects.filter(version=version)
    assert (small.slug, small.monthly_amount, small.currency, small.quota_points) == (
        "small",
        Decimal("9.00"),
        "EUR",
        1,
    )
    assert (small.parameters, small.limits) == ({"size": 3}, {"size": {"maximum": 10}})
    assert (red.parameters, red.limits) == ({"color": "red"}, {"color": {"enum": ["red"]}})
    event = AuditEvent.objects.get(action="offering_version.published")
    assert (event.object_name, event.object_id) == ("widget 1.0.0", version.pk)
    assert event.after == {"digest": version.digest, "plans": ["small", "red"]}


def test_the_packed_module_is_not_read_with_the_row(publish: Publish) -> None:
    publish()
    assert OfferingVersion.objects.get().get_deferred_fields() == {"module"}


def test_publishing_the_same_again_changes_nothing(publish: Publish) -> None:
    first = publish()
    assert publish(manifest=f"# a remark\n{MANIFEST}") == first
    assert AuditEvent.objects.filter(action="offering_version.published").count() == 1


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"main": MAIN + "# changed\n"}, "its module differ"),
        ({"manifest": MANIFEST.replace('amount: "9.00"', 'amount: "8.00"')}, "its offering.yaml differ"),
        (
            {"main": "", "manifest": MANIFEST.replace("stateful_types: [terraform_data]", "stateful_types: []")},
            "module and",
        ),
    ],
)
def test_the_same_number_with_other_content_is_refused(publish: Publish, files: dict[str, str], what: str) -> None:
    first = publish()
    with pytest.raises(VersionTakenError, match=what) as caught:
        publish(**files)
    assert "Raise the version" in caught.value.remedy
    assert list(OfferingVersion.objects.all()) == [first]


def test_a_newer_version_may_drop_plans_and_leaves_the_older_as_it_was(publish: Publish) -> None:
    first = publish()
    second = publish(manifest=NEXT[: NEXT.index("  - slug: red")] + NEXT[NEXT.index("variables:") :])
    assert [plan.slug for plan in first.plans.all()] == ["small", "red"]
    assert [plan.slug for plan in second.plans.all()] == ["small"]
    assert Offering.objects.get().current == second


def test_versions_are_compared_as_numbers(publish: Publish) -> None:
    for number in ("1.9.0", "1.10.0", "1.2.0"):
        publish(manifest=MANIFEST.replace("version: 1.0.0", f"version: {number}"))
    offering = Offering.objects.get()
    assert [version.version for version in offering.newest_first] == ["1.10.0", "1.9.0", "1.2.0"]


def test_an_offering_keeps_its_kind(publish: Publish) -> None:
    publish()
    with pytest.raises(KindChangedError, match="widget is a queue and cannot become a cache"):
        publish(manifest=NEXT.replace("kind: queue", "kind: cache"))
    assert OfferingVersion.objects.count() == 1


def test_a_secrets_default_is_kept_nowhere(publish: Publish) -> None:
    variables = VARIABLES.replace("sensitive   = true", 'sensitive   = true\n  default     = "hunter2"')
    version = publish(variables=variables)
    row = OfferingVersion.objects.filter(pk=version.pk).values("variables", "parameters_schema", "manifest").get()
    assert "hunter2" not in str(row)


def test_a_module_comes_out_of_the_database_whatever_became_of_the_files(publish: Publish, tmp_path: Path) -> None:
    version = publish()
    (tmp_path / "widget" / "main.tf").write_text("# changed later\n")
    module_unpack(version=OfferingVersion.objects.get(pk=version.pk), destination=tmp_path / "out")
    assert (tmp_path / "out" / "main.tf").read_text() == MAIN.lstrip()


def test_what_comes_out_is_a_module_that_terraform_plans(publish: Publish, tmp_path: Path) -> None:
    out = tmp_path / "out"
    module_unpack(version=publish(), destination=out)
    values = {"name": "checkout_orders", "password_verifier": "v", "color": "red"}
    (out / "terraform.tfvars.json").write_text(json.dumps(values))
    terraform(out, "init")
    assert "1 to add, 0 to change, 0 to destroy" in terraform(out, "plan")


def terraform(folder: Path, command: str) -> str:
    done = subprocess.run(
        ["terraform", command, "-input=false", "-no-color"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_altered_module_does_not_come_out(publish: Publish, tmp_path: Path) -> None:
    version = publish()
    version.module = bytes(version.module)[:-1] + b"x"
    with pytest.raises(DigestMismatchError):
        module_unpack(version=version, destination=tmp_path / "out")


def test_a_version_is_deprecated_and_retired_once(publish: Publish) -> None:
    version, sunset = publish(), clock.now()
    for _ in range(2):
        version_deprecate(version=version, caller=TESTS, sunset_at=sunset)
    version.refresh_from_db()
    assert (version.status, version.sunset_at) == ("deprecated", sunset)
    for _ in range(2):
        version_retire(version=version, caller=TESTS)
    version_deprecate(version=version, caller=TESTS)
    version.refresh_from_db()
    assert version.status == "retired"
    actions = AuditEvent.objects.filter(object_id=version.pk).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["offering_version.published", "offering_version.deprecated", "offering_version.retired"]


def test_a_plan_is_retired_once(publish: Publish) -> None:
    plan = publish().plans.get(slug="red")
    for _ in range(2):
        plan_retire(plan=plan, caller=TESTS)
    plan.refresh_from_db()
    assert plan.status == "retired"
    assert AuditEvent.objects.get(action="plan.retired").object_name == "widget 1.0.0 red"


def test_sync_publishes_what_is_new_and_says_one_line_an_offering(tmp_path: Path) -> None:
    module_write(tmp_path)
    module_write(tmp_path, slug="gadget")
    assert sync(tmp_path) == ("gadget 1.0.0: published\nwidget 1.0.0: published\n", "")
    assert sync(tmp_path) == ("gadget 1.0.0: unchanged\nwidget 1.0.0: unchanged\n", "")
    assert sync(tmp_path / "gadget") == ("gadget 1.0.0: unchanged\n", "")
    assert AuditEvent.objects.filter(action="offering_version.published").count() == 2


def test_sync_publishes_the_sound_ones_and_fails_with_every_finding_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module_write(tmp_path, slug="gadget", manifest=MANIFEST.replace("kind: queue", "kind: what").replace(": 60", ": 0"))
    module_write(tmp_path)
    with pytest.raises(CommandError, match="1 refused") as caught:
        call_command("sync_catalog", str(tmp_path))
    assert caught.value.returncode == 1
    told = capsys.readouterr()
    assert told.out == "gadget: refused, 2 found\nwidget 1.0.0: published\n"
    assert "  gadget/offering.yaml:6: kind: " in told.err
    assert "  gadget/offering.yaml:16: timeouts.plan_seconds: " in told.err
    assert [offering.slug for offering in Offering.objects.all()] == ["widget"]


def test_sync_tells_what_to_do_about_a_number_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sync(module_write(tmp_path))
    with pytest.raises(CommandError):
        call_command("sync_catalog", str(module_write(tmp_path, main=MAIN + "# changed\n")))
    assert "its module differ. Raise the version in offering.yaml" in capsys.readouterr().err


def test_sync_of_a_folder_without_modules_fails(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no offering\.yaml in"):
        call_command("sync_catalog", str(tmp_path))


def test_the_readme_command_writes_and_then_finds_nothing_to_do(tmp_path: Path) -> None:
    folder = module_write(tmp_path)
    with pytest.raises(CommandError, match="Behind their modules: widget"):
        call_command("module_readme", str(folder), check=True, stdout=io.StringIO())
    call_command("module_readme", str(folder), stdout=io.StringIO())
    call_command("module_readme", str(folder), check=True, stdout=io.StringIO())
    assert "| `size` |" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1"},
        {"version": "1.0.0\n"},
        {"status": "draft"},
        {"digest": "x"},
        {"connection_kind": "mysql"},
    ],
)
def test_the_database_itself_knows_the_closed_sets(publish: Publish, tmp_path: Path, changes: dict[str, str]) -> None:
    version = publish()
    row = OfferingVersion(
        offering_id=version.offering_id,
        **{
            "version": "2.0.0",
            "digest": version.digest,
            "connection_kind": "postgres",
            "module": b"",
            "manifest": {},
            "parameters_schema": {},
            "variables": [],
            "outputs": [],
            "published_by": "tests",
            **changes,
        },
    )
    with pytest.raises(IntegrityError, match="offering_version_"), transaction.atomic():
        row.save(force_insert=True)


def test_a_refused_publication_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("catalog.services.publishing.event_record", broken)
    candidate = candidate_read(module_write(tmp_path))
    with pytest.raises(RuntimeError):
        version_publish(candidate=candidate, caller=TESTS)
    assert not Offering.objects.exists()
    assert not Plan.objects.exists()
