import importlib
import pkgutil
import re

import pytest

from platform_api.core import errors
from platform_api.core.http import problems

PACKAGES = ["platform_api", "governance", "catalog", "provisioning", "fleet_provider"]


def concrete(family: type[errors.SlipwayError]) -> set[type[errors.SlipwayError]]:
    found = set()
    for child in family.__subclasses__():
        found |= {child} if child.code else set()
        found |= concrete(child)
    return found


def all_errors() -> list[type[errors.SlipwayError]]:
    for package in PACKAGES:
        module = importlib.import_module(package)
        for info in pkgutil.walk_packages(module.__path__, f"{package}."):
            if not re.search(r"\.(wsgi|celery|settings|migrations)(\.|$)|zygote|__main__", info.name):
                importlib.import_module(info.name)
    ours = {error for error in concrete(errors.SlipwayError) if error.__module__.startswith(tuple(PACKAGES))}
    return sorted(ours, key=lambda error: (error.code, error.__qualname__))


def test_every_error_has_a_status_a_permanent_code_and_a_title() -> None:
    found = all_errors()
    assert len(found) > 15
    for error in found:
        assert 400 <= problems.status_of(error()) < 600
        assert re.fullmatch(r"[a-z][a-z0-9_]+", error.code), error
        assert error.title, error
        assert not error.title.endswith("."), error


def test_errors_of_one_code_belong_to_one_status() -> None:
    statuses: dict[str, set[int]] = {}
    for error in all_errors():
        statuses.setdefault(error.code, set()).add(int(problems.status_of(error())))
    assert not {code: found for code, found in statuses.items() if len(found) > 1}


def test_an_error_without_a_code_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="needs a code and a title"):
        type("NamelessError", (errors.ConflictError,), {"title": "Nameless"})


def test_every_family_is_mapped_to_a_status() -> None:
    families = [child for child in errors.SlipwayError.__subclasses__() if not child.code]
    assert set(families) == set(problems.STATUS_OF_FAMILY)
