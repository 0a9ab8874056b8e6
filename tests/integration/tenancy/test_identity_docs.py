"""What docs/identity.md gives to copy into a pipeline, run as it stands there."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import yaml
from django.core.wsgi import get_wsgi_application
from django.db import connection

from platform_api.tenancy.models import ApiToken
from platform_api.tenancy.models.roles import Role
from platform_api.tenancy.models.scopes import ORDERING
from platform_api.tenancy.services.teams import role_grant
from platform_api.tenancy.services.tokens import token_authenticate
from platform_api.tenancy.services.trust_rules import trust_rule_create
from tests.integration.tenancy.issuer import AUDIENCE, Issuer
from tests.people import TESTS, People
from tests.trust import service

DOCS = Path(__file__).resolve().parents[3] / "docs" / "identity.md"
NEEDED = [name for name in ("bash", "curl", "jq") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(bool(NEEDED), reason=f"a pipeline needs {NEEDED}, which are not here")


def example(heading: str) -> Any:
    found = re.search(rf"^### {heading}\n\n```yaml\n(.*?)^```", DOCS.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert found
    return yaml.safe_load(found[1])


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Installation:
    """The exchange as it is, an order that is only written down, and where a job of GitHub asks for its identity."""

    def __init__(self, identity: Callable[[str], str]) -> None:
        self.identity, self.orders = identity, list[tuple[str, str, Any]]()
        self.django = get_wsgi_application()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/identity":
            assert environ["HTTP_AUTHORIZATION"] == "Bearer the-runner"
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({"value": self.identity(environ["QUERY_STRING"])}).encode()]
        if environ["PATH_INFO"] == "/api/v1/requests":
            body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            self.orders.append((environ["HTTP_AUTHORIZATION"], environ["HTTP_IDEMPOTENCY_KEY"], body))
            start_response("202 Accepted", [("Content-Type", "application/json")])
            return [b"{}"]
        try:
            return list(self.django(environ, start_response))
        finally:
            connection.close()


def run(script: str, installation: Installation, environ: dict[str, str]) -> str:
    server = make_server("127.0.0.1", 0, installation, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        given = {name: value.format(base=base) for name, value in environ.items()}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={"PATH": os.environ["PATH"], "API": f"{base}/api/v1", **given},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.shutdown()
        thread.join(timeout=30)
        server.server_close()
    assert done.returncode == 0, done.stderr
    return done.stdout


def trust(issuer: Issuer, people: People, number: str) -> None:
    builds = service()
    role_grant(user=builds, role=Role.DEVELOPER, on=people.checkout, caller=TESTS)
    trust_rule_create(
        issuer=issuer.url,
        repository_id=number,
        repository="shop/orders",
        ref_pattern="refs/heads/main",
        events=["push"],
        user=builds,
        project=people.checkout,
        scopes=ORDERING,
        caller=TESTS,
    )


def assert_ordered(installation: Installation, key: str) -> str:
    ((header, sent, body),) = installation.orders
    token = header.removeprefix("Bearer ")
    assert token_authenticate(presented=token, ip=None, correlation_id="c").name == "builds"
    assert (sent, body["operation"], body["project"]) == (f'"{key}"', "provision", "checkout")
    assert ApiToken.objects.filter(kind="ci").count() == 1
    return token


def test_the_github_workflow_orders(committed_people: People, github: Issuer) -> None:
    trust(github, committed_people, "1296269")
    (job,) = example("GitHub Actions")["jobs"].values()
    (step,) = job["steps"]
    asked: list[str] = []

    def identity(query: str) -> str:
        asked.append(query)
        return github.sign(github.claims())

    installation = Installation(identity)
    environ = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": "{base}/identity?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the-runner",
        "AUDIENCE": AUDIENCE,
        "GITHUB_RUN_ID": "77",
    }
    said = run(step["run"], installation, environ)
    token = assert_ordered(installation, "run-77")
    assert asked == [f"api-version=2.0&audience={AUDIENCE}"]
    assert said.splitlines()[0] == f"::add-mask::{token}"


def test_the_gitlab_job_orders(committed_people: People, gitlab: Issuer) -> None:
    trust(gitlab, committed_people, "22")
    script = "\n".join(example("GitLab CI")["order"]["script"])
    installation = Installation(lambda _: "")
    run(script, installation, {"IDENTITY": gitlab.sign(gitlab.claims()), "CI_PIPELINE_ID": "78"})
    assert_ordered(installation, "run-78")
