from decimal import Decimal

import pytest
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from catalog.models import Offering
from catalog.selectors import orderables
from catalog.selectors.orderables import NotOrderableError, orderable_get
from catalog.services.retirement import plan_retire, version_deprecate, version_retire
from platform_api.core import keeping
from tests.integration.catalog.conftest import Publish
from tests.modules import MANIFEST
from tests.people import TESTS

pytestmark = pytest.mark.django_db


def number(text: str) -> str:
    return MANIFEST.replace("version: 1.0.0", f"version: {text}")


def finding(**names: str) -> dict[str, str]:
    with pytest.raises(NotOrderableError) as caught:
        orderable_get(**{"offering": "widget", "plan": "small", **names})
    (found,) = caught.value.errors
    assert caught.value.code == "request_refused"
    return dict(found)


def test_an_orderable_holds_what_an_order_needs(publish: Publish) -> None:
    version = publish()
    found = orderable_get(offering="widget", plan="red")
    assert (found.offering, found.kind, found.version, found.plan) == ("widget", "queue", "1.0.0", "red")
    assert (found.version_id, found.digest) == (version.pk, version.digest)
    assert (found.points, found.monthly_amount, found.currency) == (8, Decimal("90.50"), "EUR")
    assert found.defaults == {"size": 5, "color": "red"}
    assert (found.plan_timeout_seconds, found.apply_timeout_seconds) == (60, 300)
    assert (found.shown_outputs, found.sensitive_outputs) == (("host", "username"), ("hint",))
    assert found.platform_variables == {"name": "physical_name"}
    assert found.credentials is not None
    assert found.credentials["verifiers"] == {"password_verifier": "scram-sha-256"}
    assert found.stateful_types == ("terraform_data",)
    assert found.connection_kind == "postgres"
    assert found.allows_ephemeral


def test_its_judge_knows_the_plan(publish: Publish) -> None:
    publish()
    small, red = (orderable_get(offering="widget", plan=plan).judge for plan in ("small", "red"))
    assert red.judge({}) == []
    assert red.judge({"size": 100}) == []
    assert {found["code"] for found in small.judge({"size": 11})} == {"out_of_range", "field_missing"}
    assert [found["pointer"] for found in red.judge({"color": "blue"})] == ["#/parameters/color"]


def test_without_a_number_the_highest_published_version_is_meant(publish: Publish) -> None:
    publish(manifest=number("1.9.0"))
    newest = publish(manifest=number("1.10.0"))
    assert orderable_get(offering="widget", plan="small").version == "1.10.0"
    version_deprecate(version=newest, caller=TESTS)
    assert orderable_get(offering="widget", plan="small").version == "1.9.0"
    assert orderable_get(offering="widget", plan="small", version="1.10.0").version == "1.10.0"


def test_a_wrong_name_is_told_with_the_choices(publish: Publish) -> None:
    publish()
    assert finding(offering="wdiget") == {
        "pointer": "#/offering",
        "code": "unknown_offering",
        "detail": "There is no offering 'wdiget'.",
        "remedy": "Choose one of: widget.",
    }
    assert finding(plan="huge") == {
        "pointer": "#/plan",
        "code": "unknown_plan",
        "detail": "There is no plan 'huge'.",
        "remedy": "Choose one of: small, red.",
    }
    assert finding(version="2.0.0") == {
        "pointer": "#/version",
        "code": "version_unknown",
        "detail": "widget has no version '2.0.0'.",
        "remedy": "Choose one of: 1.0.0.",
    }


def test_what_is_retired_is_not_ordered(publish: Publish) -> None:
    old, new = publish(), publish(manifest=number("1.1.0"))
    plan_retire(plan=new.plans.get(slug="red"), caller=TESTS)
    told = finding(plan="red")
    assert (told["code"], told["remedy"]) == ("plan_retired", "Choose one of: small.")
    version_retire(version=old, caller=TESTS)
    told = finding(version="1.0.0")
    assert (told["pointer"], told["code"], told["remedy"]) == ("#/version", "version_retired", "Choose one of: 1.1.0.")
    version_retire(version=new, caller=TESTS)
    told = finding()
    assert (told["pointer"], told["code"]) == ("#/offering", "version_retired")
    Offering.objects.update(status="retired")
    told = finding()
    assert (told["code"], told["remedy"]) == ("offering_retired", "There is none to choose at present.")


def test_a_process_keeps_what_it_looked_up_for_a_moment(
    publish: Publish, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 1000.0
    monkeypatch.setattr(orderables, "_orderables", keeping.Kept(setting="CATALOG_AGE_SECONDS"))
    monkeypatch.setattr(keeping, "monotonic", lambda: moment)
    first = publish()
    with override_settings(CATALOG_AGE_SECONDS=1.0):
        with django_assert_num_queries(3):
            found = orderable_get(offering="widget", plan="small")
        with django_assert_num_queries(0):
            assert orderable_get(offering="widget", plan="small") is found
        publish(manifest=number("1.1.0"))
        moment = 1000.9
        assert orderable_get(offering="widget", plan="small").version_id == first.pk
        moment = 1001.0
        assert orderable_get(offering="widget", plan="small").version == "1.1.0"
        again = orderable_get(offering="widget", plan="small", version="1.0.0")
        assert again.judge is found.judge  # compiled once a plan


def test_made_up_names_fill_nothing(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: keeping.Kept[tuple[str, str | None, str], orderables.Orderable] = keeping.Kept(setting="CATALOG_AGE_SECONDS")
    monkeypatch.setattr(orderables, "_orderables", kept)
    publish()
    assert finding(offering="x" * 5000)["detail"] == f"There is no offering '{'x' * 80}'."
    assert kept._values == {}
