"""The admin site as tests see it: browsers of people, addresses, and a story that has every part."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from django.test import Client
from django.urls import reverse

from platform_api.admin import site
from platform_api.core.ids import Prefix, show
from platform_api.tenancy.admin.reading import ReadOnlyAdmin
from platform_api.tenancy.models import User
from platform_api.tenancy.services.sessions import MEANS, Means
from provisioning.models import Resource, Run
from tests import databases

MODELS = [(model, admin) for model, admin in site._registry.items() if isinstance(admin, ReadOnlyAdmin)]
NAMES = {admin.plural: f"admin:{model._meta.app_label}_{model._meta.model_name}" for model, admin in MODELS}

LINK = re.compile(r'<a [^>]*href="([^"]+)"')


@dataclass(frozen=True)
class Story:
    """A resource that was made, changed in vain, and whose request is told on a page."""

    made: Run
    failed: Run

    @property
    def resource(self) -> Resource:
        """What it is about."""
        return self.made.resource


def browser(user: User) -> Client:
    """Return the browser of somebody who has logged in, with a second factor."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[MEANS] = Means.CODE
    session.save()
    return client


def list_of(plural: str) -> str:
    """Return the address of a list."""
    return reverse(f"{NAMES[plural]}_changelist")


def page_of(plural: str, prefix: Prefix, key: UUID) -> str:
    """Return the address of a page."""
    return reverse(f"{NAMES[plural]}_change", args=[show(prefix, key)])


def text_of(answer: Any) -> str:
    """Return a page as text without tags, as a person reads it."""
    body = answer.content.decode()
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def links_of(answer: Any, *, at: str) -> set[str]:
    """Return the addresses on this site that a page links to, but for what ends the session."""
    found = (urljoin(at, unescape(link)) for link in LINK.findall(answer.content.decode()))
    return {link.partition("#")[0] for link in found if urlsplit(link).path.startswith("/admin/")}


def crawl(client: Client, *, pages: int) -> dict[str, Any]:
    """Follow every link from the first page on; redirects are followed as links are.

    Args:
        client: Whose browser.
        pages: How many pages at most.
    """
    seen: dict[str, Any] = {}
    waiting = ["/admin/"]
    while waiting and len(seen) < pages:
        address = waiting.pop(0)
        if address in seen:
            continue
        answer = client.get(address)
        seen[address] = answer
        found = {answer.headers["Location"]} if answer.status_code == 302 else links_of(answer, at=address)
        waiting += sorted(found - seen.keys())
    return seen


def contents() -> dict[str, str]:
    """Return a digest of every table but that of the browser's own session."""
    return databases.contents(without={"django_session"})
