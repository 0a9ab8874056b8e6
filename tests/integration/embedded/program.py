"""The stack's command line with small parts in place of the application: ``python -m`` this module."""

import sys

from platform_api.embedded.cli import main
from platform_api.embedded.parts import API, Part, Plan, Preparation
from platform_api.process.programs import TERRAFORM

_MODULE = "tests.integration.embedded.program"
_API = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# Has a child in its own session and one in a session of its own, as Celery's pool and Terraform are. The
# first goes on when its parent dies; the second sees it and ends.
_WORKER = """
import os, time
if os.fork() != 0 and os.fork() == 0:
    parent = os.getppid()
    os.setsid()
    while os.getppid() == parent: time.sleep(0.05)
    os._exit(0)
while True: time.sleep(1)
"""
_PREPARE = """
import os, sys
print("prepared with", *sorted(os.environ))
sys.exit(os.environ.get("SLIPWAY_TEST_FAIL"))
"""

PLAN = Plan(
    module=_MODULE,
    preparations=(Preparation(name="prepare", argv=(sys.executable, "-IS", "-c", _PREPARE)),),
    parts=(
        Part(name=API, argv=(sys.executable, "-I", "-c", _API, "{port}"), ready_path="/health/ready"),
        Part(name="worker", argv=(sys.executable, "-IS", "-c", _WORKER), settle_seconds=0.1, needs=(TERRAFORM,)),
    ),
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], plan=PLAN))
