"""One supervisor for one state folder: a lock that the kernel gives back when its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from platform_api.core.errors import ConflictError
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.state import state_load


class AlreadyRunningError(ConflictError):
    """Another supervisor has this state folder; the text says which process, and where it serves."""

    code = "stack_already_running"
    title = "The local stack runs already"
    remedy = "Use it, or end it with `python manage.py down`."


@contextmanager
def stack_lock(folder: StateFolder) -> Iterator[None]:
    """Hold the stack for as long as the block runs; children do not inherit the lock.

    Raises:
        AlreadyRunningError: Somebody else holds it.
    """
    handle = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            state = state_load(folder)
            pid = state.supervisor.pid if state.supervisor is not None else "not yet known"
            place = f" and serves {state.api_url}" if state.api_url else ""
            raise AlreadyRunningError(
                f"The stack in {folder.path} runs already: its supervisor is process {pid}{place}."
            ) from error
        yield
    finally:
        os.close(handle)
