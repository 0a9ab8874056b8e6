"""What stands in the lists and pages of the admin site: values, and how each kind of value is shown.

Everything goes through ``cell``: times carry the word UTC, a status is a word and a color, an id is a link to its page.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from platform_api.core.ids import PREFIX_OF_KIND, Prefix, show

NOTHING = "\N{EM DASH}"

EXCERPT_LENGTH = 160
"""Characters of an excerpt: a row of a list stays a few lines high."""

TONES: Mapping[str, str] = {
    word: tone
    for tone, words in {
        "good": (
            "published ready completed applied planned_and_finished succeeded done active present allow in_force"
            " current"
        ),
        "busy": "pending fulfilling planning planned confirmed applying running creating deleting reserve commit",
        "warn": "deprecated pending_approval recovering degraded tried refused warn adjust",
        "bad": "failed errored rejected deny error",
        "over": (
            "retired canceled discarded superseded replaced expired deprovisioned absent revoked inactive closed"
            " release"
        ),
    }.items()
    for word in words.split()
}
"""Color by status; a word that is not here is shown without one."""


@dataclass(frozen=True, kw_only=True)
class Ref:
    """A thing that has, or may have, a page of its own.

    Attributes:
        prefix: Which kind of thing.
        id: Which one; None for none.
        text: What to call it; by its id where nothing is given.
    """

    prefix: Prefix
    id: UUID | None
    text: str = ""


@dataclass(frozen=True)
class Status:
    """Where something stands, in the word that the API uses too."""

    word: str


@dataclass(frozen=True)
class Link:
    """A way to another page.

    Attributes:
        url: Its address.
        text: What stands there: words, or a ``Mono``.
    """

    url: str
    text: "str | Mono"


@dataclass(frozen=True)
class Mono:
    """A text in which every character counts: an address, a digest, a slug."""

    text: str


@dataclass(frozen=True)
class Prose:
    """What a person wrote; its line breaks are kept."""

    text: str


@dataclass(frozen=True)
class Excerpt:
    """The beginning of what a person wrote, in lists of things whose own pages tell all of it."""

    text: str


@dataclass(frozen=True)
class Json:
    """A value that stands in the database as JSON; shown as such, also when it is a plain word."""

    value: object


def ref_of_kind(kind: str, key: UUID | None, text: str = "") -> Ref | Prose:
    """Return a link to what an audit event names; its name alone, where such things have no id."""
    prefix = PREFIX_OF_KIND.get(kind)
    return Prose(text) if prefix is None or key is None else Ref(prefix=prefix, id=key, text=text)


def path_of(prefix: Prefix, key: UUID) -> str:
    """Return the permanent address of a thing on the admin site; it leads on to the thing's page."""
    return reverse("admin:thing", args=[show(prefix, key)])


def cell(value: object) -> SafeString:  # noqa: C901, PLR0911, PLR0912 - one arm for each kind of value
    """Return a value as HTML; whatever comes from outside is escaped."""
    match value:
        case None | "" | Ref(id=None) | Prose(text="") | Excerpt(text="") | Mono(text=""):
            return format_html('<span class="nothing">{}</span>', NOTHING)
        case Ref(prefix=prefix, id=UUID() as key, text=text):
            shown = show(prefix, key)
            name = text or format_html('<code class="id">{}</code>', shown)
            return format_html('<a href="{}" title="{}">{}</a>', path_of(prefix, key), shown, name)
        case Status(word=word):
            return format_html(
                '<span class="status {}">{}</span>', f"tone-{TONES.get(word, 'plain')}", word.replace("_", " ")
            )
        case Link(url=url, text=text):
            return format_html('<a href="{}">{}</a>', url, cell(text))
        case Mono(text=text):
            return format_html("<code>{}</code>", text)
        case Prose(text=text):
            return format_html('<span class="prose">{}</span>', text)
        case Excerpt(text=text):
            return cell(Prose(Truncator(" ".join(text.split())).chars(EXCERPT_LENGTH)))
        case Json(value=inner):
            return _json(inner)
        case datetime():
            return _moment(value)
        case date():
            return format_html('<time datetime="{}">{}</time>', value.isoformat(), value.isoformat())
        case bool():
            return format_html("{}", "yes" if value else "no")
        case list() | tuple():
            return format_html_join(" ", '<span class="item">{}</span>', ((cell(item),) for item in value))
        case dict():
            return _json(value)
        case _:
            return format_html("{}", value)


def _moment(value: datetime) -> SafeString:
    at = value.astimezone(UTC)
    return format_html('<time datetime="{0}" title="{0}">{1} UTC</time>', at.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}")


def _json(value: object) -> SafeString:
    if value is None:
        return cell(None)
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return format_html('<pre class="json">{}</pre>', text)
