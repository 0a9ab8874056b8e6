"""``/metrics`` of processes that answer no calls: a small listener beside their work, by the token of the API's page.

It holds no lock that a forked child could miss, touches no database, and a child closes what it inherits of it.
"""

import logging
import os
import socket
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST

from platform_api.core.metrics import exposition, may_read

logger = logging.getLogger(__name__)

MOST_CALLS = 8
"""Calls at once; one more is hung up on. Prometheus makes one."""

PATIENCE_SECONDS = 5.0
"""How long a caller may take over each piece of its call."""


class _Page(BaseHTTPRequestHandler):
    """One call."""

    timeout = PATIENCE_SECONDS
    server_version, sys_version = "Slipway", ""

    def do_GET(self) -> None:
        """Answer with all figures of this process and its children; to others than Prometheus nothing is here."""
        if self.path.partition("?")[0] != "/metrics" or not may_read(self.headers.get("Authorization", "")):
            self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")
        else:
            self._answer(HTTPStatus.OK, exposition(), CONTENT_TYPE_LATEST)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: scrapes come all day, and what a stranger sends belongs in no log."""


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Takes calls, each in a thread of its own, ``MOST_CALLS`` at once."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._seats = threading.BoundedSemaphore(MOST_CALLS)
        super().__init__((host, port), _Page)
        # Else a child that outlives this process for a moment would keep the port from the next one.
        os.register_at_fork(after_in_child=self.socket.close)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("a call for metrics broke off", exc_info=True)


def listener_start(port: int) -> bool:
    """Answer to ``/metrics`` on ``METRICS_HOST`` from now on, and tell whether it does.

    Metrics are worth no run: where nobody may read them, or the port is taken, the log says so, and work goes on.

    Args:
        port: Where to listen; 0 for nowhere.
    """
    if not port:
        return False
    if not settings.METRICS_TOKEN:
        logger.warning("no metrics on port %d: SLIPWAY_METRICS_TOKEN is not set, so nobody may read them", port)
        return False
    try:
        listener = _Listener(settings.METRICS_HOST, port)
    except OSError as error:
        logger.error("no metrics on %s:%d: %s", settings.METRICS_HOST, port, error.strerror)  # noqa: TRY400 - says it all
        return False
    threading.Thread(target=listener.serve_forever, name="metrics", daemon=True).start()
    logger.info("metrics on %s:%d", settings.METRICS_HOST, port)
    return True
