"""Pages of problems: every code has one, each says what is wrong and what to do, and the process can show them all."""

import os
import re
import subprocess
import sys

import pytest
from django.test import Client

from platform_api.core.http.problem_pages import ELSEWHERE, problems_known
from tests.unit.core.test_errors import all_errors

SEEN_BY_A_PROCESS = """
import platform_api.wsgi
import platform_api.urls
from platform_api.core.http.problem_pages import problems_known
print(*problems_known())
"""


def test_every_code_has_its_page_and_no_page_lacks_a_code() -> None:
    codes = {error.code for error in all_errors() if not error.__module__.startswith(ELSEWHERE)}
    assert len(codes) > 50
    assert set(problems_known()) == codes
    client = Client()
    for code in codes:
        answer = client.get(f"/docs/problems/{code}")
        assert answer.status_code == 200, code
        assert answer.headers["Content-Type"].startswith("text/html")
        assert f"<code>{code}</code>" in answer.content.decode()


def test_a_process_that_serves_the_api_knows_all_codes_by_itself() -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEEN_BY_A_PROCESS],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "platform_api.settings.test"},
        capture_output=True,
        text=True,
        check=True,
    )
    codes = {error.code for error in all_errors() if not error.__module__.startswith(ELSEWHERE)}
    assert set(answer.stdout.split()) == codes


def test_the_list_leads_to_every_page() -> None:
    content = Client().get("/docs/problems/").content.decode()
    assert re.findall(r'href="/docs/problems/([a-z0-9_]+)"', content) == list(problems_known())
    assert content.index("400 Bad Request") < content.index("503 Service Unavailable")


def test_a_page_says_what_is_wrong_what_to_do_and_how_it_is_answered() -> None:
    content = Client().get("/docs/problems/idempotency_in_progress").content.decode()
    assert "409 Conflict" in content
    assert "Another call with the same key is being answered" in content
    assert "Repeat the very same call as Retry-After says" in content
    assert "&quot;type&quot;: &quot;/docs/problems/idempotency_in_progress&quot;" in content
    assert "&quot;retry_after_seconds&quot;: 1" in content


def test_a_code_of_several_errors_tells_all_that_it_can_mean() -> None:
    known = problems_known()["already_final"]
    assert len(known.meanings) > 1
    assert len(known.causes) == len(known.meanings)


@pytest.mark.parametrize("path", ["nothing", "tree_unfit", "Not_Found", "not_found/"])
def test_what_no_answer_has_as_its_code_has_no_page(path: str) -> None:
    answer = Client().get(f"/docs/problems/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["", "not_found"])
def test_pages_can_only_be_read(path: str) -> None:
    assert Client().head(f"/docs/problems/{path}").status_code == 200
    answer = Client().post(f"/docs/problems/{path}")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"
