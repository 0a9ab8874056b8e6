"""The door as tests come to it: people with passwords, authenticators, and a clock that stands still."""

import base64
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django_otp.oath import TOTP

from platform_api.audit.models import AuditEvent
from platform_api.core import clock
from platform_api.tenancy.models import User
from platform_api.tenancy.services.users import user_create
from tests.people import TESTS

PASSWORD = "a-password-that-is-long-enough"
LOG_IN, CODE, ENROLL = "/admin/login/", "/admin/login/code/", "/admin/login/enroll/"


@dataclass
class Watch:
    """A clock that goes on only when it is told to."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 9, 0, tzinfo=UTC))

    def pass_(self, **time: float) -> None:
        """Let time go by."""
        self.moment += timedelta(**time)


@dataclass(frozen=True)
class Authenticator:
    """The app on a person's phone."""

    key: str
    watch: Watch

    def code(self, *, steps: int = 0) -> str:
        """Return what it shows, or showed, so many times 30 seconds from now."""
        totp = TOTP(base64.b32decode(self.key.replace("-", "")))
        totp.time = self.watch.moment.timestamp() + 30 * steps
        return f"{totp.token():06}"


def watch_set(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Have the service read a watch of the test's."""
    watch = Watch()
    monkeypatch.setattr(clock, "now", lambda: watch.moment)
    return watch


def dana() -> User:
    """Make a person with a password, who is an auditor."""
    return user_create(username="dana", caller=TESTS, password=PASSWORD, is_auditor=True)


def log_in(client: Client, *, username: str = "dana", password: str = PASSWORD, **more: str) -> Any:
    """Send the first form."""
    return client.post(LOG_IN, {"username": username, "password": password, **more})


def enroll(client: Client, watch: Watch) -> tuple[Authenticator, list[str]]:
    """Set up a second factor as a person does, from the page; returns the app and the recovery codes."""
    page = client.get(ENROLL).content.decode()
    (key,) = re.findall(r"<code>([A-Z2-7-]{32,})</code>", page)
    app = Authenticator(key, watch)
    answer = client.post(ENROLL, {"code": app.code()})
    return app, re.findall(r"<code>([a-z2-7-]{19})</code>", answer.content.decode())


def recorded(action: str) -> list[AuditEvent]:
    """Return the events of one kind, oldest first."""
    return list(AuditEvent.objects.filter(action=action).order_by("pk"))
