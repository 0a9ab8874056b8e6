"""Pages of problems: what ``type`` of a problem document opens; made from the error classes, so never behind.

Everybody may read them: they say nothing of anybody's things.
"""

import inspect
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from platform_api.core.errors import RequestRefusedError, SlipwayError
from platform_api.core.http import problems
from platform_api.core.http.errors import MethodNotAllowedError

ELSEWHERE = (
    "platform_api.embedded.",
    "platform_api.process.",
    "platform_api.terraform.",
    "platform_api.tenancy.selectors.users",
    "catalog.services.publishing",
    "tests.",
)
"""Where errors are made that a terminal or a run's log tells of, and no answer over HTTP."""

_CODE = re.compile(r"``([^`]+)``")
_SAFE = ("GET", "HEAD")
_FINDING = {
    "pointer": "#/plan",
    "code": "plan_retired",
    "detail": "Plan tiny is retired.",
    "remedy": "Choose one of: small, medium.",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One code, with everything that it can mean.

    Attributes:
        code: The code.
        status: HTTP status of all answers with it.
        meanings: The errors that have it, the most general first.
    """

    code: str
    status: HTTPStatus
    meanings: Sequence[type[SlipwayError]]

    @property
    def title(self) -> str:
        """The sentence that answers begin with; of several the first."""
        return self.meanings[0].title

    @property
    def causes(self) -> list[SafeString]:
        """What is wrong, by the words of each error."""
        return [_marked_up(inspect.cleandoc(meaning.__doc__ or "")) for meaning in self.meanings]

    @property
    def remedies(self) -> list[str]:
        """What to do, where all answers say the same."""
        return list(dict.fromkeys(meaning.remedy for meaning in self.meanings if meaning.remedy))

    @property
    def document(self) -> dict[str, Any]:
        """A document as it is sent."""
        general = self.meanings[0]
        error = general(errors=[_FINDING]) if issubclass(general, RequestRefusedError) else general()
        document = problems.document(error, instance="/api/v1/requests")
        return {**document, "correlation_id": "0194f7c2a1b37c5e8d9f0a1b2c3d4e5f"}

    @property
    def example(self) -> str:
        """The same as JSON."""
        return json.dumps(self.document, indent=2, ensure_ascii=False)


def problems_known() -> dict[str, Problem]:
    """Return every problem that this process can answer with, by code, in the order of statuses."""
    meanings = defaultdict[str, list[type[SlipwayError]]](list)
    for error in _concrete(SlipwayError):
        if not error.__module__.startswith(ELSEWHERE):
            meanings[error.code].append(error)
    known = [
        Problem(
            code=code,
            status=problems.status_of(found[0]()),
            meanings=sorted(found, key=lambda error: (len(error.__mro__), error.__module__, error.__qualname__)),
        )
        for code, found in meanings.items()
    ]
    return {problem.code: problem for problem in sorted(known, key=lambda problem: (problem.status, problem.code))}


def index(request: HttpRequest) -> HttpResponse:
    """Show all problems, by status."""
    if request.method not in _SAFE:
        return _not_allowed(request)
    groups = defaultdict[HTTPStatus, list[Problem]](list)
    for problem in problems_known().values():
        groups[problem.status].append(problem)
    return render(request, "problems/index.html", {"groups": dict(groups)})


def page(request: HttpRequest, code: str) -> HttpResponse:
    """Show one problem.

    Raises:
        Http404: No answer has this code.
    """
    if request.method not in _SAFE:
        return _not_allowed(request)
    problem = problems_known().get(code)
    if problem is None:
        raise Http404
    return render(request, "problems/page.html", {"problem": problem})


def _not_allowed(request: HttpRequest) -> HttpResponse:
    answer = problems.response(MethodNotAllowedError(), request)
    answer.headers["Allow"] = ", ".join(_SAFE)
    return answer


def _concrete(family: type[SlipwayError]) -> set[type[SlipwayError]]:
    found = set[type[SlipwayError]]()
    for child in family.__subclasses__():
        found |= ({child} if child.code else set()) | _concrete(child)
    return found


def _marked_up(text: str) -> SafeString:
    """Return a docstring as HTML; what stands between double backquotes is code."""
    flowing = " ".join(text.split())
    return mark_safe(_CODE.sub(r"<code>\1</code>", escape(flowing)))  # noqa: S308 - escaped just before
