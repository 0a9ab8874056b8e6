"""Composed offerings in the catalog: published after what they name, shown with what they cost, ordered another way."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from catalog.manifest.composing import composed_read
from catalog.manifest.packing import module_digest
from catalog.models import Offering, OfferingVersion
from catalog.schema.problems import ModuleBrokenError
from catalog.selectors.compositions import composition_get
from catalog.selectors.orderables import NotOrderableError, orderable_get
from catalog.services.composing import composed_publish
from catalog.services.publishing import VersionTakenError
from catalog.services.retirement import plan_retire, version_retire
from platform_api.audit.models import AuditEvent
from tests.compositions import PAIR, composed_write
from tests.integration.catalog.conftest import Publish
from tests.modules import MANIFEST, VARIABLES, module_write
from tests.people import TESTS, People

pytestmark = pytest.mark.django_db


def publish_composed(folder: Path, manifest: str = PAIR) -> OfferingVersion:
    candidate = composed_read(composed_write(folder, slug="pair", manifest=manifest))
    return composed_publish(candidate=candidate, caller=TESTS).version


def problems(folder: Path, manifest: str) -> list[str]:
    with pytest.raises(ModuleBrokenError) as caught:
        publish_composed(folder, manifest)
    assert not Offering.objects.filter(slug="pair").exists()
    return [str(problem) for problem in caught.value.problems]


def test_a_version_is_published_without_module_plans_and_target(publish: Publish, tmp_path: Path) -> None:
    publish()
    version = OfferingVersion.objects.get(pk=publish_composed(tmp_path).pk)
    assert (version.connection_kind, version.plans.count(), version.variables) == (None, 0, [])
    assert version.digest == module_digest(bytes(version.module))
    assert [output["name"] for output in version.outputs] == [
        "second.host", "second.username", "first.host", "first.username",
    ]  # fmt: skip
    event = AuditEvent.objects.get(action="offering_version.published", object_name="pair 1.0.0")
    assert event.after == {"digest": version.digest, "components": ["second", "first"]}


def test_it_is_published_once_and_never_changes(publish: Publish, tmp_path: Path) -> None:
    published = publish()
    first = publish_composed(tmp_path)
    version_retire(version=published, caller=TESTS)  # what is published already is not judged again
    assert publish_composed(tmp_path).pk == first.pk
    with pytest.raises(VersionTakenError, match=r"published, and its offering\.yaml differ\."):
        publish_composed(tmp_path, PAIR.replace("size: 4", "size: 5"))


def test_sync_publishes_it_after_the_modules_that_it_names(tmp_path: Path) -> None:
    composed_write(tmp_path, slug="pair", manifest=PAIR)  # before the module, by the alphabet
    module_write(tmp_path)
    out = io.StringIO()
    call_command("sync_catalog", str(tmp_path), stdout=out)
    assert out.getvalue() == "widget 1.0.0: published\npair 1.0.0: published\n"


def test_sync_without_the_modules_publishes_nothing_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed_write(tmp_path, slug="pair", manifest=PAIR)
    with pytest.raises(CommandError, match="1 refused"):
        call_command("sync_catalog", str(tmp_path))
    line = PAIR[: PAIR.index("offering: widget")].count("\n")  # the manifest is written without its first line feed
    assert f"pair/offering.yaml:{line}: There is no offering 'widget'." in capsys.readouterr().err
    assert not Offering.objects.exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("offering: widget", "offering: gadget", "There is no offering 'gadget'. Choose one of: widget."),
        ("version: 1.0.0\n    plan: small", "version: 2.0.0\n    plan: small", "widget has no version '2.0.0'"),
        ("plan: small", "plan: huge", "There is no plan 'huge'. Choose one of: small, red."),
        ("size: 4", "sizes: 4", 'sizes: There is no "sizes". Did you mean size?'),
        ("size: 4", "size: 40", "size: 40 is more than 10, the most that plan small allows"),
        ("{color: parameters.color}", "{colour: parameters.color}", "widget has no parameter colour"),
        ("    wiring: {color: parameters.color}\n", "    parameters: {size: 5}\n", "nobody is given color"),
        ("first.outputs.host", "first.outputs.hint", "first shows no output hint; it shows: host, username"),
        ("default: red", "default: blue", 'color: "blue" is none of the values that plan red allows'),
    ],
)
def test_what_does_not_fit_is_told(publish: Publish, tmp_path: Path, old: str, new: str, words: str) -> None:
    publish()
    assert old in PAIR
    assert any(words in each for each in problems(tmp_path, PAIR.replace(old, new, 1)))


def test_a_required_parameter_may_not_stay_open(publish: Publish, tmp_path: Path) -> None:
    publish()
    (found,) = problems(tmp_path, PAIR.replace("    wiring: {color: first.outputs.host}\n", ""))
    assert "color: color is missing." in found


def test_what_may_not_be_ephemeral_stands_in_nothing_that_expires(publish: Publish, tmp_path: Path) -> None:
    publish(manifest=MANIFEST.replace("allows_ephemeral: true", "allows_ephemeral: false"))
    first, second = problems(tmp_path, PAIR)
    assert "widget may not stand in what expires" in first
    assert "widget may not stand in what expires" in second
    line = "expiry: {default_seconds: 3600, maximum_seconds: 86400}\n"
    assert publish_composed(tmp_path, PAIR.replace(line, "")).version == "1.0.0"


def test_a_secret_is_neither_set_nor_given_through_the_whole(publish: Publish, tmp_path: Path) -> None:
    color = 'variable "color" {\n'
    publish(variables=VARIABLES.replace(color, f"{color}  sensitive = true\n"))
    literal = PAIR.replace("size: 4}\n    wiring: {color: first.outputs.host}", "size: 4, color: red}")
    assert problems(tmp_path, literal) == [
        f"offering.yaml:{literal[: literal.index(place)].count(chr(10))}: "  # written without its first line feed
        "color is a secret of widget, and nothing that is set here stays one"
        for place in ("size: 4, color: red", "color: parameters.color")
    ]


def test_the_whole_has_one_currency(publish: Publish, tmp_path: Path) -> None:
    publish(manifest=MANIFEST.replace('amount: "90.50", currency: EUR', 'amount: "90.50", currency: USD'))
    (found,) = problems(tmp_path, PAIR)
    assert "the whole has one price, but these are in EUR and USD" in found


def test_a_composed_offering_is_no_component(publish: Publish, tmp_path: Path) -> None:
    publish()
    publish_composed(tmp_path)
    nested = composed_write(
        tmp_path,
        slug="nested",
        manifest=PAIR.replace("offering: widget", "offering: pair", 1).replace("slug: pair", "slug: nested"),
    )
    with pytest.raises(ModuleBrokenError, match="pair is a whole environment, not one resource"):
        composed_publish(candidate=composed_read(nested), caller=TESTS)


def test_a_row_has_a_target_or_components_and_never_both_or_none(publish: Publish, tmp_path: Path) -> None:
    publish()
    version = publish_composed(tmp_path)
    for kind, manifest in (("postgres", version.manifest), (None, {"plans": []})):
        row = OfferingVersion.objects.get(pk=version.pk)
        module = bytes(row.module)
        row.pk, row.version, row.connection_kind, row.manifest, row.module = None, "9.0.0", kind, manifest, module
        with pytest.raises(IntegrityError, match="has_a_target_or_components"), transaction.atomic():
            row.save(force_insert=True)


def test_it_is_shown_with_components_and_the_cost_of_the_whole(
    people: People, publish: Publish, tmp_path: Path
) -> None:
    publish()
    publish_composed(tmp_path)
    body = people.viewer.client.get("/api/v1/offerings/pair").json()
    assert body["composition"] == {
        "tier": "development",
        "expiry": {"default_seconds": 3600, "maximum_seconds": 86400},
        "cost": {"monthly": {"amount": "99.50", "currency": "EUR"}},
        "points": 9,
    }
    assert body["components"][0] == {
        "name": "second",
        "offering": "widget",
        "version": "1.0.0",
        "plan": "small",
        "parameters": {"size": 4},
        "wiring": {"color": "first.outputs.host"},
        "cost": {"monthly": {"amount": "9.00", "currency": "EUR"}},
        "points": 1,
    }
    assert (body["plans"], list(body["parameters_schema"]["properties"])) == ([], ["color"])
    widget = people.viewer.client.get("/api/v1/offerings/widget").json()
    assert (widget["composition"], widget["components"]) == (None, None)
    rows = people.viewer.client.get("/api/v1/offerings").json()["results"]
    assert body in rows
    assert widget in rows


def test_what_is_ordered_is_in_the_order_of_needs(publish: Publish, tmp_path: Path) -> None:
    publish()
    version = publish_composed(tmp_path)
    found = composition_get(offering="pair")
    assert (found.version_id, found.version, found.tier) == (version.pk, "1.0.0", "development")
    assert (found.default_seconds, found.maximum_seconds, found.defaults) == (3600, 86400, {"color": "red"})
    assert [(part.name, part.orderable.plan) for part in found.components] == [("first", "red"), ("second", "small")]
    assert composition_get(offering="pair", version="1.0.0").version_id == version.pk


def test_one_kind_is_not_ordered_like_the_other(publish: Publish, tmp_path: Path) -> None:
    publish()
    publish_composed(tmp_path)
    with pytest.raises(NotOrderableError) as caught:
        orderable_get(offering="pair", plan="small")
    (finding,) = caught.value.errors
    assert (finding["pointer"], finding["code"]) == ("#/offering", "offering_composed")
    assert "PUT /api/v1/projects/{project}/environments/{name}" in finding["remedy"]
    with pytest.raises(NotOrderableError) as caught:
        composition_get(offering="widget")
    (finding,) = caught.value.errors
    assert (finding["pointer"], finding["code"]) == ("#/offering", "offering_not_composed")
    assert "POST /api/v1/requests" in finding["remedy"]


def test_a_component_that_was_retired_is_named(publish: Publish, tmp_path: Path) -> None:
    widget = publish()
    publish_composed(tmp_path)
    plan_retire(plan=widget.plans.get(slug="small"), caller=TESTS)
    with pytest.raises(NotOrderableError) as caught:
        composition_get(offering="pair")
    assert [found["pointer"] for found in caught.value.errors] == ["#/components/second/plan"]
