"""Real servers for the whole test run: started before the settings are read, ended with the run.

Loaded by ``-p tests.plugins.servers``. What is set in the environment already is used as it is. Where pytest-xdist runs
tests in several processes, each has servers of its own, for tests make and drop databases as if they were alone.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import execnet
import pytest

from platform_api.core.errors import SlipwayError
from platform_api.embedded.secret_files import password_make, sealing_keys_make
from platform_api.embedded.servers import ServerName, servers_running, servers_wanted

_STARTED = pytest.StashKey[list[ServerName]]()
_RUNNING = pytest.StashKey[ExitStack]()


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
    urls = stack.enter_context(_servers(names))
    keys = {"SECRET_KEY": password_make(), "SLIPWAY_SEALING_KEYS": sealing_keys_make()}
    _set_missing(urls | keys, stack)
    early_config.stash[_STARTED], early_config.stash[_RUNNING] = names, stack
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[execnet.XSpec]) -> None:
    """Give the second process and each further one servers too; the first has those of this process."""
    started = config.stash[_STARTED]
    for spec in specs[1:]:
        if set(started) < set(ServerName):
            raise pytest.UsageError(
                "Several test processes cannot share the servers that the environment names. Run pytest without -n."
            )
        spec.env.update(config.stash[_RUNNING].enter_context(_servers(list(ServerName))))


@contextmanager
def _servers(names: Collection[ServerName]) -> Iterator[dict[str, str]]:
    if not names:
        yield {}
        return
    folder = Path(tempfile.mkdtemp(prefix="slipway-tests-"))
    try:
        with servers_running(folder, names=names) as urls:
            yield urls
    except SlipwayError as error:
        raise pytest.UsageError(f"{error.detail} {error.remedy}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _set_missing(values: Mapping[str, str], stack: ExitStack) -> None:
    for name, value in values.items():
        if not os.environ.get(name) and not os.environ.get(f"{name}_FILE"):
            os.environ[name] = value
            stack.callback(os.environ.pop, name, None)
