"""What is told of a call: one line, and metrics; and what of it goes on to the work that follows."""

import logging
import re
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from platform_api.audit.models import AuditEvent
from platform_api.core.http import exchanges
from platform_api.core.ids import Prefix, show
from platform_api.core.metrics import REGISTRY
from platform_api.tenancy.models import ApiToken
from tests.people import People

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TOKEN = "what-prometheus-brings"
HOSTILE_METHODS = ["BREW", "get", "G" * 500, "X-\u00e9", "PROPFIND"]


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return what the lines say that calls have left in this test."""
    return [vars(record) for record in caplog.records if record.name == exchanges.__name__]


def label_sets() -> set[tuple[str, ...]]:
    """Return the labels of all requests that were counted in this process."""
    (family,) = (each for each in REGISTRY.collect() if each.name == "slipway_http_request_duration_seconds")
    return {
        tuple(sample.labels[name] for name in ("route", "method", "status"))
        for sample in family.samples
        if sample.name.endswith("_count")
    }


def test_a_call_leaves_one_line_with_who_what_and_what_it_cost(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    owner = people.owner
    caplog.clear()
    answer = owner.client.get("/api/v1/projects/checkout", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    (line,) = told(caplog)
    assert (line["route"], line["method"], line["status"]) == (
        "/api/v1/projects/<str:project>", "GET", answer.status_code,
    )  # fmt: skip
    assert line["caller"] == "owner"
    assert line["token"] == show(Prefix.API_TOKEN, ApiToken.objects.get(user=owner.user).pk)
    assert line["queries"] > 0
    assert 0 < line["database_ms"] <= line["duration_ms"]
    assert owner.secret not in str(line)


@pytest.mark.django_db
def test_neither_address_nor_query_nor_headers_of_a_caller_are_in_the_line(caplog: pytest.LogCaptureFixture) -> None:
    Client().get("/api/v1/hunter2?token=hunter2", headers={"Authorization": "Bearer hunter2", "User-Agent": "hunter2"})
    (line,) = told(caplog)
    assert "hunter2" not in str(line)


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/health/live", "/metrics"])
def test_what_machines_ask_every_few_seconds_is_not_logged(page: str, caplog: pytest.LogCaptureFixture) -> None:
    Client().get(page)
    assert told(caplog) == []


@pytest.mark.django_db
def test_a_refusal_leaves_one_line_and_no_second_one_of_the_framework(caplog: pytest.LogCaptureFixture) -> None:
    from django.conf import settings

    assert settings.LOGGING["loggers"]["django.request"] == {"level": "ERROR"}
    with caplog.at_level(logging.INFO, logger=exchanges.__name__):
        Client().get("/api/v1/resources")
    assert [record.name for record in caplog.records if record.name.startswith("platform_api")] == [exchanges.__name__]


@pytest.mark.django_db
@pytest.mark.parametrize(("brought", "is_kept"), [(f"00-{TRACE}-{SPAN}-01", True), (f"00-{TRACE}-{SPAN}-01\n", False)])
def test_the_answer_names_the_trace_that_it_belongs_to(brought: str, *, is_kept: bool) -> None:
    answer = Client().get("/health/live", headers={"traceparent": brought})
    _, trace, span, _ = answer.headers["traceparent"].split("-")
    assert (trace == TRACE) is is_kept
    assert span != SPAN


@pytest.mark.django_db
def test_the_audit_trail_names_the_trace() -> None:
    Client().get(
        "/api/v1/resources",
        headers={"Authorization": "Bearer x", "traceparent": f"00-{TRACE}-{SPAN}-01"},
    )
    assert AuditEvent.objects.get().trace_id == TRACE


@pytest.mark.django_db
def test_no_caller_makes_labels_of_its_own(people: People) -> None:
    client = people.owner.client
    client.get("/api/v1/projects/checkout")
    Client().generic("BREW", "/nowhere")
    before = label_sets()
    for number in range(50):
        Client().get(f"/api/v1/{'x' * number}/nothing-{number}")
        client.get(f"/api/v1/projects/p-{number}")
        for method in HOSTILE_METHODS:
            Client().generic(method, f"/nowhere/{number}")
    new = label_sets() - before
    assert len(new) <= 3
    for route, method, status in label_sets():
        assert route == "(none)" or route.startswith("/")
        assert not re.search(r"p-\d|nothing-", route)
        assert method in exchanges.METHODS | {exchanges.OTHER}
        assert re.fullmatch("[1-5]xx", status)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "brought"),
    [("", ""), ("", "Bearer "), (TOKEN, ""), (TOKEN, "Bearer x"), (TOKEN, f"Basic {TOKEN}"), (TOKEN, "Bearer \xff")],
)
def test_metrics_are_not_there_for_who_brings_no_token_of_theirs(
    setting: str, brought: str, settings: Settings
) -> None:
    settings.METRICS_TOKEN = setting
    answer, missing = Client().get("/metrics", headers={"Authorization": brought}), Client().get("/nowhere")
    assert answer.status_code == 404
    own = ("instance", "correlation_id")
    assert {k: v for k, v in answer.json().items() if k not in own} == {
        k: v for k, v in missing.json().items() if k not in own
    }


def test_metrics_tell_of_requests_and_the_database_in_the_text_form(people: People, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    people.owner.client.get("/api/v1/projects/checkout")
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = {family.name for family in text_string_to_metric_families(answer.content.decode())}
    assert families >= {
        "slipway_http_request_duration_seconds",
        "slipway_database_seconds",
        "slipway_database_queries",
        "slipway_policy_duration_seconds",
        "slipway_rate_limit_refusals",
        "slipway_waiters",
        "slipway_database_pool",
    }
    assert "python_info" not in families
