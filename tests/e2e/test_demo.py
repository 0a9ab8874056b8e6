"""The demo, played for real: the whole stack in a folder of its own, the real Terraform, real databases."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from platform_api.embedded.environment import environment_read
from platform_api.embedded.folder import CHECKOUT, StateFolder
from platform_api.embedded.leftovers import leftovers_find
from platform_api.embedded.state import state_load
from platform_api.process.identity import processes_end

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

STEPS = [
    "Start the stack",
    "Make a user, a project and a token",
    "Look at the catalog",
    "Order a database, and repeat the order",
    "Order a queue and a cache beside it",
    "Watch the database being made, and see the others come",
    "Have the credentials of the database revealed, once",
    "Use the database",
    "Use the queue",
    "Use the cache",
    "Be refused what belongs to others, and what rules the server",
    "Rotate the password of the database",
    "Resize it from small to medium",
    "Order a preview environment, which is two resources",
    "Use what is in it, and see what the one was told of the other",
    "Give the preview environment back as one",
    "Be refused by the schema",
    "Be refused by a policy",
    "Be refused by the quota",
    "Read the audit trail",
    "Give database, queue and cache back",
    "Give back what used up the quota",
    "Take the stack down",
]
_REVEALED = re.compile(r"(?:postgresql|redis)://[^:/]+:(?!\*{4}@)")


class Demo:
    """The demo's command line on one state folder."""

    def __init__(self, path: Path) -> None:
        self.folder = StateFolder(path)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(path.parent),
            "SLIPWAY_STATE_DIR": str(path),
            "SLIPWAY_PORT_RANGE": "20000-29999",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            (sys.executable, "manage.py", *arguments),
            cwd=CHECKOUT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        with self.start(*arguments) as process:
            assert process.stdout is not None
            shown = process.stdout.read()
        return process.returncode, shown

    @property
    def is_down(self) -> bool:
        state = state_load(self.folder)
        return not state.is_supervised and not any(leftovers_find(state, self.folder))

    def end(self) -> None:
        """For after a failed test: end everything, whatever state it is in."""
        state = state_load(self.folder)
        servers, others = leftovers_find(state, self.folder)
        supervisor = [state.supervisor] if state.supervisor is not None else []
        processes_end([*supervisor, *servers, *others], ())


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "state")
    yield demo
    demo.end()


def titles(shown: str) -> list[str]:
    return re.findall(r"^[ \d]\d  (.+)$", shown, re.MULTILINE)


def table(shown: str) -> dict[str, str]:
    """Read the log-ins off the end."""
    return dict(line.split(maxsplit=1) for line in shown.splitlines()[-9:])


def test_a_demo_sees_everything_hides_the_passwords_and_takes_down_what_it_started(demo: Demo) -> None:
    code, shown = demo.run("demo")
    assert code == 0, shown
    assert titles(shown) == STEPS
    assert "Everything was seen: " in shown
    assert "credentials_already_revealed" in shown
    assert re.search(r"^    http://127\.0\.0\.1:\d+/admin/id/req_\w+/$", shown, re.MULTILINE)
    assert '"code": "policy_denied"' in shown
    assert '"code": "quota_exceeded"' in shown
    assert re.search(r"^    password  .{3}\*{4}$", shown, re.MULTILINE)
    assert not _REVEALED.search(shown)
    assert "slw_" not in shown
    assert "\x1b" not in shown
    assert demo.is_down


def test_what_an_aborted_demo_leaves_the_next_one_removes_and_a_kept_stack_can_be_used(
    demo: Demo, tmp_path: Path
) -> None:
    with demo.start("demo") as process:
        assert process.stdout is not None
        assert any(line.endswith("  Use the database\n") for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 130, rest
    assert "Interrupted." in rest
    assert demo.is_down

    code, shown = demo.run("demo", "--keep")
    assert code == 0, shown
    assert "Remove what an earlier demo left" in titles(shown)
    assert titles(shown)[-1] == "Give back what used up the quota"
    log_ins = table(shown)
    with httpx.Client(headers={"Authorization": f"Bearer {log_ins['token']}"}, trust_env=False) as client:
        resources = client.get(f"{log_ins['API']}resources?project={log_ins['project']}").json()["results"]
        assert {row["status"] for row in resources} == {"deprovisioned"}
        assert client.get(log_ins["docs"]).status_code == 200
    with httpx.Client(follow_redirects=True, trust_env=False) as browser:
        page = browser.get(log_ins["admin"])
        form = {
            "username": log_ins["user"],
            "password": log_ins["password"],
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/",
        }
        assert browser.post(page.url, data=form, headers={"Referer": str(page.url)}).url.path == "/admin/"
        story = browser.get(log_ins["story"])
        assert story.status_code == 200
        assert log_ins["story"].split("/")[-2] in story.text
        assert "Own store for the orders service" in story.text

    code, shown = demo.run("demo")
    assert code == 0, shown
    assert titles(shown) == STEPS[1:-1]

    visitor = Demo(tmp_path / "elsewhere")
    visitor.environ |= {**environment_read(demo.folder), "TERRAFORM_BIN": "/nowhere"}
    code, shown = visitor.run("demo", "--url", visitor.environ["SLIPWAY_API_URL"])
    assert code == 0, shown
    assert titles(shown) == STEPS[1:-1]
    assert not visitor.folder.state.exists(), "where somebody else runs the service, no stack is started"

    assert demo.run("status")[0] == 0
    assert demo.run("down")[0] == 0
    assert demo.is_down
