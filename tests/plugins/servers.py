"""Real servers for the whole test run: started before the settings are read, ended with the run.

Loaded by ``-p tests.plugins.servers``. What is set in the environment already is used as it is.
"""

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from platform_api.core.errors import SlipwayError
from platform_api.embedded.secret_files import password_make, sealing_keys_make
from platform_api.embedded.servers import servers_running, servers_wanted

_STARTED = pytest.StashKey[tuple[str, ...]]()


def pytest_report_header(config: pytest.Config) -> str:
    started = config.stash[_STARTED]
    return f"servers: {', '.join(started) or 'all given by the environment'}"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start what is missing; a wrapper, because pytest-django reads the settings in the same hook."""
    stack = ExitStack()
    # Runs however the run ends: also when collection fails, also after Ctrl-C.
    early_config.add_cleanup(stack.close)
    names = servers_wanted(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="slipway-tests-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    try:
        urls = stack.enter_context(servers_running(folder, names=names)) if names else {}
    except SlipwayError as error:
        raise pytest.UsageError(f"{error.detail} {error.remedy}") from error
    keys = {"SECRET_KEY": password_make(), "SLIPWAY_SEALING_KEYS": sealing_keys_make()}
    _set_missing(urls | keys, stack)
    early_config.stash[_STARTED] = tuple(names)
    return (yield)


def _set_missing(values: Mapping[str, str], stack: ExitStack) -> None:
    for name, value in values.items():
        if not os.environ.get(name) and not os.environ.get(f"{name}_FILE"):
            os.environ[name] = value
            stack.callback(os.environ.pop, name, None)
