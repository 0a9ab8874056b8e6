"""Composed offerings are published, after the offerings that they name: what does not fit those is refused."""

from django.db import transaction

from catalog.manifest.composing import ComponentFacts, ComposedCandidate, problems_with
from catalog.models import OfferingVersion
from catalog.schema.problems import ModuleBrokenError, Problem
from catalog.selectors.compositions import component_facts
from catalog.selectors.orderables import NotOrderableError
from catalog.services.publishing import Publication, offering_take, version_write
from platform_api.core.callers import Caller


def composed_publish(*, candidate: ComposedCandidate, caller: Caller) -> Publication:
    """Publish a version of a composed offering, or find that it is published already.

    Args:
        candidate: What was read and found sound in itself.
        caller: Who publishes; their name stays at the version.

    Raises:
        ModuleBrokenError: It does not fit the offerings that it names; has file, line and reason of each problem.
        VersionTakenError: The number is published with another manifest.
        KindChangedError: The offering is of another kind.
    """
    with transaction.atomic():
        offering, present = offering_take(manifest=candidate.manifest, packed=candidate.packed)
        if present is not None:
            return Publication(version=present, is_new=False)
        _require_fit(candidate)
        version = version_write(
            offering=offering,
            manifest=candidate.manifest,
            packed=candidate.packed,
            caller=caller,
            parameters_schema=candidate.parameters_schema,
            variables=[],
            outputs=_outputs(candidate),
            connection_kind=None,
        )
    return Publication(version=version, is_new=True)


def _require_fit(candidate: ComposedCandidate) -> None:
    facts: dict[str, ComponentFacts] = {}
    problems: list[Problem] = []
    for index, component in enumerate(candidate.manifest["components"]):
        try:
            facts[component["name"]] = component_facts(component)
        except NotOrderableError as error:
            problems += [
                candidate.document.problem(
                    f"#/components/{index}/{finding['pointer'].removeprefix('#/')}",
                    f"{finding['detail']} {finding['remedy']}",
                )
                for finding in error.errors
            ]
    problems += problems_with(candidate, facts)
    if problems:
        raise ModuleBrokenError(problems)


def _outputs(candidate: ComposedCandidate) -> list[dict[str, object]]:
    """Return what the components show, each under the name of its component: ``db.host``."""
    return [
        {"name": f"{component['name']}.{output['name']}", "description": output["description"], "sensitive": False}
        for component in candidate.manifest["components"]
        for output in OfferingVersion.objects.get(
            offering__slug=component["offering"], version=component["version"]
        ).outputs
        if not output["sensitive"]
    ]
