"""Health: ``live`` says that this process answers, ``ready`` that it can do its work."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as futures_wait
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock, Thread

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import View
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from platform_api.core import sealing
from platform_api.core.http.handlers import READING, method_refused

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0
"""For all dependencies together; they are asked side by side."""

ANSWERS, SILENT = "answers", "no answer"


def live(request: HttpRequest) -> HttpResponse:
    """Answer without touching anything else; a supervisor restarts a process that does not."""
    return JsonResponse({"status": "live"}) if request.method in READING else method_refused(request)


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """Something that the service works with.

    Attributes:
        check: Returns when it answers, raises when it does not.
        is_needed: Whether this process can do nothing of use without it.
    """

    check: Callable[[], None]
    is_needed: bool = True


class ReadyView(View):
    """Answer 200 when all that is needed answers, else 503; a load balancer sends work elsewhere then.

    Anybody may ask, so nothing is told but names and whether they answer; why one does not is in the log. Of each
    dependency one check is under way at a time, however many ask.
    """

    dependencies: Mapping[str, Dependency] = {}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Ask all at once, for two seconds at most."""
        checks = {name: _checks.start(name, each.check) for name, each in self.dependencies.items()}
        futures_wait(checks.values(), timeout=PATIENCE_SECONDS)
        told = {name: _told(name, future) for name, future in checks.items()}
        missing = [name for name, word in told.items() if word != ANSWERS]
        is_ready = not any(self.dependencies[name].is_needed for name in missing)
        status = "unavailable" if not is_ready else "degraded" if missing else "ready"
        return JsonResponse(
            {"status": status, "dependencies": told},
            status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"Cache-Control": "no-store"},
        )

    def http_method_not_allowed(self, request: HttpRequest, *_: object, **__: object) -> HttpResponse:
        """Refuse any other method as everything else does."""
        return method_refused(request)


def _told(name: str, check: Future[None]) -> str:
    if not check.done():
        logger.warning("%s did not answer within %g s", name, PATIENCE_SECONDS)
        return SILENT
    if (error := check.exception()) is not None:
        logger.warning("%s does not answer: %s", name, error)
        return SILENT
    return ANSWERS


class _Checks:
    """Checks under way, by name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[str, Future[None]] = {}

    def start(self, name: str, check: Callable[[], None]) -> Future[None]:
        """Begin a check, or join the one that is under way."""
        with self._lock:
            running = self._running.get(name)
            if running is None or running.done():
                running = self._running[name] = Future()
                # A daemon: one that is held up by a dead dependency must not hold up the end of the process.
                Thread(target=_apart, args=(check, running), name=f"slipway-health-{name}", daemon=True).start()
            return running


def _apart(check: Callable[[], None], told: "Future[None]") -> None:
    """Run a check in this thread, and give back the connection that it may have taken."""
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the dependency does not answer
        told.set_exception(error)
    else:
        told.set_result(None)
    finally:
        connection.close()


_checks = _Checks()


def database_check() -> None:
    """Ask the database something, over the connections that calls are answered with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def broker_check() -> None:
    """Ping the Valkey that carries hints and keeps rates."""
    with Redis.from_url(
        settings.CELERY["broker_url"],
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    ) as broker:
        broker.ping()


def sealing_check() -> None:
    """Seal something with the newest key, and open it again."""
    sealing.unseal(sealing.seal(b"ready", place="health"), place="health")
