"""Lets a test keep what the service's processes keep: in other tests nothing outlives the call that looked it up."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from django.test import override_settings

from platform_api.core.keeping import Generation, Kept


@contextmanager
def warm() -> Iterator[None]:
    """Keep things for a minute, beginning and ending with nothing kept."""
    _forget()
    with override_settings(CATALOG_AGE_SECONDS=60.0, PLACE_AGE_SECONDS=60.0, TOKEN_AGE_SECONDS=60.0):
        yield
    _forget()


def _forget() -> None:
    for thing in gc.get_objects():
        if issubclass(type(thing), Kept):  # what a dead proxy is an instance of cannot be asked
            thing._values.clear()
        elif issubclass(type(thing), Generation):
            thing._seen = None
