"""One trace from the call that ordered to the last line of the run's log."""

import base64
import json
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery
from django.conf import settings

from platform_api.audit.models import AuditEvent
from platform_api.celery import app as slipway
from platform_api.core import correlation
from provisioning import tasks
from provisioning.hints import hints_send
from provisioning.models import LogLine
from provisioning.services.execution.carrying import run_carry_out
from provisioning.services.hinting import runs_to_hint
from tests.factories import Orders, worker_make

pytestmark = pytest.mark.django_db

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NO_RUN = "00000000-0000-7000-8000-000000000000"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"

SLOTS = {"default": 10}


def test_all_that_follows_from_an_order_belongs_to_its_trace(orders: Orders) -> None:
    with correlation.bound("tests", traceparent=TRACEPARENT):
        run = orders.provision()
    assert run.provisioning_request is not None
    assert run.traceparent == run.provisioning_request.traceparent
    assert run.traceparent.startswith(f"00-{TRACE}-")
    run_carry_out(worker_make(), hint=run.pk)
    by_worker = AuditEvent.objects.filter(actor_name="worker")
    assert by_worker.count() > 3
    assert set(by_worker.values_list("trace_id", flat=True)) == {TRACE}
    first = LogLine.objects.filter(run=run).order_by("sequence")[0]
    assert first.event == {"kind": "origin", "correlation_id": run.correlation_id, "trace_id": TRACE}


def test_a_hint_carries_the_exchange_and_the_trace(orders: Orders) -> None:
    with correlation.bound("tests", traceparent=TRACEPARENT):
        run = orders.provision()
    url = urlsplit(settings.CELERY["broker_url"])._replace(path="/7").geturl()
    app = Celery("tests", set_as_current=True)
    app.config_from_object({**settings.CELERY, "broker_url": url})
    try:
        assert hints_send(runs_to_hint(slots=SLOTS), slots=SLOTS) == 1
    finally:
        app.close()
        slipway.set_current()
    with redis.Redis.from_url(url) as broker:
        message = json.loads(broker.lpop(settings.CELERY["task_default_queue"]))
    _, told, _ = json.loads(base64.b64decode(message["body"]))
    assert told == {"run_id": str(run.pk), "correlation_id": run.correlation_id, "traceparent": run.traceparent}


def test_a_worker_logs_a_hint_under_the_exchange_and_trace_that_it_carries(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_worker", worker_make)
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)  # this test's connection is the transaction's
    caplog.handler.addFilter(correlation.CorrelationFilter())
    with caplog.at_level("INFO", logger=tasks.__name__):
        tasks.run_hint(run_id=NO_RUN, correlation_id="order-4711", traceparent=TRACEPARENT)
    (line,) = (vars(record) for record in caplog.records if record.name == tasks.__name__)
    assert (line["correlation_id"], line["trace_id"]) == ("order-4711", TRACE)


def test_a_hint_of_an_older_dispatcher_is_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_worker", worker_make)
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)
    tasks.run_hint(run_id=NO_RUN)
