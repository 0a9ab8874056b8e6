"""The OpenAPI description of one operation: what drf-spectacular finds out, with what the parts of a call tell."""

import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.settings import spectacular_settings
from rest_framework.permissions import SAFE_METHODS

from platform_api.core.errors import RequestRefusedError, SlipwayError
from platform_api.core.http.document import refusals
from platform_api.core.http.document.examples import Example, examples_file, examples_of, examples_shown
from platform_api.core.http.document.headers import HEADERS, OUTDATED, references
from platform_api.core.http.document.operations import Parameter, Told, told_of
from platform_api.core.http.document.places import PLACES
from platform_api.core.http.problem_pages import problems_known

Described = dict[str, Any]

MEANINGS: Mapping[str, str] = {
    "200": "What was asked for, as it is now.",
    "201": "It was made.",
    "202": "It is kept and will be carried out, whatever happens to this connection. Watch it at `Location`.",
    "204": "It is done; there is nothing to show.",
    "304": "It is as you have it.",
}
"""What statuses of success say."""

WAITED_FOR = "It is done: you waited for that, or it was so before."
"""What 200 says where 202 is answered, too."""

_SECTIONS = re.compile(r"\n\s*(?:Args|Returns|Raises):\n")


class OperationSchema(AutoSchema):
    """One operation, with every answer that it has."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Described | None:
        """Return the operation, its refusals and headers included."""
        operation: Described | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation.setdefault("security", [])  # a call that needs no log-in says so
            operation["responses"] = self._answers(operation["responses"])
            self._place_examples(operation)
        return operation

    @cached_property
    def _told(self) -> Told:
        return told_of(self.view, self.method) or Told()

    def is_deprecated(self) -> bool:
        """Tell whether the view is an old part of the API; ``DeprecationMiddleware`` says so in its answers."""
        return getattr(self.view, "deprecation", None) is not None

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        """Return the docstring's prose and what is needed to call."""
        scope = getattr(self.view, "scopes", {}).get(self.method)
        needed = f"\n\nA token needs the scope `{scope}`." if scope else ""
        return f"{self._prose()}{needed}"

    def get_summary(self) -> str:
        """Return what the docstring begins with."""
        return re.split(r"[.;:,](?:\s|$)", self._prose(), maxsplit=1)[0]

    def _prose(self) -> str:
        text = inspect.cleandoc(getattr(self.view, self.method.lower()).__doc__ or "")
        return _SECTIONS.split(text)[0].replace("``", "`").strip()

    def get_tags(self) -> list[str]:
        """Return the noun that the address ends with, of those that have a chapter."""
        chapters = {tag["name"] for tag in spectacular_settings.TAGS}
        return [next(part for part in reversed(self.path.split("/")) if part in chapters)]

    def _resolve_path_parameters(self, variables: list[str]) -> list[Described]:
        return [{"in": "path", "name": name, "required": True, **PLACES[name]} for name in variables]

    def _parameters_told(self) -> list[Parameter]:
        return [each for each in self.get_override_parameters() if isinstance(each, Parameter)]

    def _errors(self) -> Iterator[type[SlipwayError]]:
        """Yield what each part of a call's way can refuse it with."""
        is_write = self.method not in SAFE_METHODS
        yield from refusals.ANYWHERE
        for part in (*self.view.get_authenticators(), *self.view.get_permissions()):
            yield from getattr(part, "raises", ())
            yield from getattr(part, "raises_of_writes", ()) if is_write else ()
        if self._told.reads_body:
            for parser in self.view.get_parsers():
                yield from getattr(parser, "raises", ())
            yield from refusals.WITH_BODY
            yield RequestRefusedError
        if "{" in self.path:
            yield from refusals.NAMED
        for parameter in self._parameters_told():
            yield from parameter.raises
        yield from self._told.raises

    def _answers(self, successes: Described) -> Described:
        everywhere = self._everywhere().union(*(getattr(each, "headers", ()) for each in self.view.get_permissions()))
        added = [each for parameter in self._parameters_told() for each in parameter.headers]
        found: Described = {}
        meanings = {**MEANINGS, "200": WAITED_FOR} if "202" in successes else MEANINGS
        for status, answer in successes.items():
            headers = self._headers(everywhere, self._told.headers, added)
            found[status] = {**answer, "description": meanings[status], "headers": headers}
        for parameter in self._parameters_told():
            for status in map(str, parameter.answers):
                headers = self._headers(everywhere, parameter.headers)
                found[status] = {"description": MEANINGS[status], "headers": headers}
        return {**dict(sorted(found.items())), **self._refusals()}

    def _everywhere(self) -> set[str]:
        """Return the headers of all answers, refusals included."""
        return {"Correlation-Id", *(OUTDATED if self.is_deprecated() else ())}

    def _refusals(self) -> Described:
        known = problems_known()
        self._component("Problem", ResolvedComponent.SCHEMA, refusals.PROBLEM)
        self._component("Finding", ResolvedComponent.SCHEMA, refusals.FINDING)
        errors = refusals.raised(self._errors())
        found = {}
        for status, codes in refusals.codes_by_status(errors).items():
            for code in codes:
                example = {"summary": known[code].title, "value": known[code].document}
                self._component(code, ResolvedComponent.EXAMPLE, example)
            headers = self._headers(self._everywhere(), refusals.headers_of(errors, status=status))
            titles = {code: known[code].title for code in codes}
            answer = refusals.refusal(status, titles=titles, headers=headers)
            name = ".".join([str(int(status)), *codes, *(["deprecated"] if self.is_deprecated() else [])])
            found[str(int(status))] = self._component(name, ResolvedComponent.RESPONSE, answer)
        return found

    def _headers(self, *names: Any) -> Described:
        told = {name for some in names for name in some}
        for name in told:
            self._component(name, ResolvedComponent.HEADER, HEADERS[name])
        return references(told)

    def _component(self, name: str, kind: str, content: Mapping[str, Any]) -> Described:
        """Put a part into the document's components, once, and return the reference to it."""
        component = ResolvedComponent(name=name, type=kind, object=name, schema=dict(content))  # type: ignore[no-untyped-call]  # drf-spectacular has no types here
        self.registry.register_on_missing(component)
        reference: Described = component.ref
        return reference

    def _place_examples(self, operation: Described) -> None:
        examples = examples_of(examples_file(type(self.view), operation["operationId"]))
        if "requestBody" in operation:
            asks = {each.name: each.ask for each in examples if each.body is not None}
            _into(operation["requestBody"], asks)
        for status, answer in operation["responses"].items():
            _into(answer, examples_shown(_answered(examples, status)))


def _answered(examples: list[Example], status: str) -> list[Example]:
    return [each for each in examples if str(each.status) == status and each.answer is not None]


def _into(holder: Described, examples: Mapping[str, Described]) -> None:
    """Put examples beside the schema of a body."""
    if examples:
        holder["content"]["application/json"]["examples"] = dict(examples)
