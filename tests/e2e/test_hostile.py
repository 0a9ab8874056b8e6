"""A sample of ``make hostile``: the real service keeps what it promises, whatever it is sent."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.client import Client
from tests.e2e.live import LiveStack
from tests.hostile.assault import Report, assault
from tests.hostile.rows import Rows, difference
from tests.hostile.stage import stage_make

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

AT_ONCE = 50


@pytest.fixture(scope="module")
def report(live_stack: LiveStack) -> Iterator[Report]:
    """What came of a short attack."""
    live_stack.wait_ready()
    yield assault(stage_make(live_stack), is_short=True)
    live_stack.wait_ready()


def test_nothing_hostile_breaks_changes_or_enters_a_log(report: Report) -> None:
    assert "\n".join(report.failures) == ""


def test_the_attack_came_through_to_every_way_of_refusing(report: Report) -> None:
    """An attack that is turned away at the door proves nothing about the rooms."""
    assert {code for _, code in report.answers} >= {
        *("accepted", "malformed_json", "duplicate_key", "unstorable_text", "too_deep", "body_too_large"),
        *("unsupported_media_type", "request_refused", "name_taken", "already_final", "not_found", "invalid_filter"),
    }


def test_a_change_of_any_row_is_noticed_and_the_use_of_a_token_is_none(live_stack: LiveStack) -> None:
    with live_stack.control() as control, control.transaction(force_rollback=True):
        rows = Rows(control)
        before = rows.look()
        control.execute("UPDATE api_token SET last_used_at = clock_timestamp()")
        assert difference(before, rows.look()) == []
        control.execute("UPDATE project SET name = name WHERE slug = 'checkout'")
        assert difference(before, rows.look()) == ["project"]
        control.execute("UPDATE api_token SET name = name || '!'")
        assert difference(before, rows.look()) == ["api_token", "project"]


def test_fifty_identical_orders_at_once_are_one_request_with_fifty_like_answers(
    live_stack: LiveStack, checkout: Client
) -> None:
    body = checkout.ask("fifty-at-once")
    headers = {**checkout.http.headers, "Idempotency-Key": '"fifty identical orders at once"'}
    start = threading.Barrier(AT_ONCE)

    def order(_: int) -> httpx.Response:
        with httpx.Client(base_url=checkout.http.base_url, headers=headers, timeout=60, trust_env=False) as http:
            http.get("projects")  # connected before the start
            start.wait()
            return http.post("requests", json=body)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(order, range(AT_ONCE)))

    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    request = answers[0].json()
    with live_stack.control() as control:
        row = control.execute("SELECT count(*) FROM resource WHERE name = 'fifty-at-once'").fetchone()
    assert row == (1,)
    assert [each["id"] for each in checkout.get("requests", project=checkout.project)["results"]][:1] == [request["id"]]
    resource = checkout.get(f"resources/{checkout.finish(request)['resource']['id']}")
    assert checkout.finish(checkout.deprovision(resource))["status"] == "completed"
