"""One supervisor, and one demo, for one state folder: locks that the kernel gives back when their holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_api.core.errors import ConflictError
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.state import state_load


class AlreadyRunningError(ConflictError):
    """Another supervisor has this state folder; the text says which process, and where it serves."""

    code = "stack_already_running"
    title = "The local stack runs already"
    remedy = "Use it, or end it with `python manage.py down`."


class DemoRunningError(ConflictError):
    """Another demo plays on this stack; two would use up each other's quota."""

    code = "demo_already_running"
    title = "Another demo plays on this stack"
    remedy = "Wait until it has ended."


@contextmanager
def stack_lock(folder: StateFolder) -> Iterator[None]:
    """Hold the stack for as long as the block runs; children do not inherit the lock.

    Raises:
        AlreadyRunningError: Somebody else holds it.
    """
    with _held(folder.lock) as is_ours:
        if not is_ours:
            state = state_load(folder)
            pid = state.supervisor.pid if state.supervisor is not None else "not yet known"
            place = f" and serves {state.api_url}" if state.api_url else ""
            raise AlreadyRunningError(
                f"The stack in {folder.path} runs already: its supervisor is process {pid}{place}."
            )
        yield


@contextmanager
def demo_lock(folder: StateFolder) -> Iterator[None]:
    """Be the only demo of a stack for as long as the block runs.

    Raises:
        DemoRunningError: There is one already.
    """
    with _held(folder.demo_lock) as is_ours:
        if not is_ours:
            raise DemoRunningError(f"Another demo plays on the stack in {folder.path}.")
        yield


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_ours = False
        else:
            is_ours = True
        yield is_ours
    finally:
        os.close(handle)
