"""One whole demo: see to a stack, play the journey on it, leave things as they were."""

import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import TextIO

from platform_api.core.errors import UnavailableError
from platform_api.embedded.background import stack_end, stack_start
from platform_api.embedded.console import Console, question_ask
from platform_api.embedded.demo.access import Access, access_make
from platform_api.embedded.demo.api import Api
from platform_api.embedded.demo.display import Display, Style
from platform_api.embedded.demo.journey import journey_play
from platform_api.embedded.demo.stage import PROJECT, Stage
from platform_api.embedded.environment import secret_read
from platform_api.embedded.folder import StateFolder
from platform_api.embedded.lock import demo_lock
from platform_api.embedded.parts import Plan
from platform_api.embedded.releases.providing import program_provide
from platform_api.embedded.status import WELL, StackStatus
from platform_api.process.programs import TERRAFORM

INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended
_READY_SECONDS = 60
_LOOK_SECONDS = 0.2
_NAME_BYTES = 3
_FLEET_VALKEY = "FLEET_VALKEY_URL"


class StackUnusableError(UnavailableError):
    """There is no whole stack to play on; the text says what there is instead."""

    code = "stack_unusable"
    title = "The local stack cannot be played on"


def demo_play(
    folder: StateFolder,
    plan: Plan,
    *,
    service_url: str | None,
    is_kept: bool,
    console: Console,
    stream: TextIO,
    environ: Mapping[str, str],
) -> int:
    """Play the demo.

    1. Look for Terraform, before anything is started; where it is missing, offer to download it.
    2. Start the stack, unless it runs.
    3. Make a user and play the journey.
    4. Take the stack down, if it was started here and is not to be kept.

    Args:
        folder: The stack's folder.
        plan: What the stack runs on top of its servers.
        service_url: A service that somebody else runs, and whose settings ``environ`` holds; then there is neither
            Terraform to look for nor a stack to start.
        is_kept: Leave the stack running, and print how to log in if all was seen.
        console: Tells how the stack is taken down.
        stream: Where the journey is shown.
        environ: The caller's environment.

    Returns:
        0 if everything was seen, 130 if it was interrupted.

    Raises:
        SlipwayError: Anything else; the text says what was expected, what came, and where to look.
    """
    display = Display(stream, environ)
    if service_url is None:
        terraform = program_provide(TERRAFORM, folder=folder, environ=environ, ask=question_ask, say=display.say)
        display.say(f"Terraform {'.'.join(map(str, terraform.version))} is {terraform.path}", Style.FAINT)
    folder.make()
    place = nullcontext(service_url) if service_url else _stack(folder, plan, display, console, is_kept=is_kept)
    try:
        with _interruptible(), demo_lock(folder), place as url:
            fleet_valkey_url = _fleet_valkey_url(folder, environ)
            with display.step("Make a user, a project and a token"):
                access = access_make(folder, environ)
                display.say(f"user {access.username}, team {PROJECT}, project {PROJECT}")
            with Api(url, access.token) as api:
                stage = Stage(
                    api=api,
                    display=display,
                    logs=f"those of {url}" if service_url else str(folder.path / "logs"),
                    username=access.username,
                    suffix=secrets.token_hex(_NAME_BYTES),
                    fleet_valkey_url=fleet_valkey_url,
                )
                story_url = journey_play(stage)
    except KeyboardInterrupt:
        display.say("Interrupted. What was ordered is removed by the next demo.", Style.BAD)
        return INTERRUPTED
    display.headline(f"Everything was seen: {display.seen_count} proofs in {display.seconds:.1f} s.")
    if is_kept:
        _log_ins_print(display, url, access, story_url=story_url)
    return 0


def _fleet_valkey_url(folder: StateFolder, environ: Mapping[str, str]) -> str:
    """Give the address of the Valkey's admin, who alone can tell that nothing is left of a customer.

    Raises:
        StackUnusableError: The settings have none.
    """
    url = secret_read(_FLEET_VALKEY, environ, folder=folder)
    if url is None:
        raise StackUnusableError(
            f"{_FLEET_VALKEY} is not set, so nobody could tell whether the queue and the cache are gone in the end.",
            remedy=f"Set {_FLEET_VALKEY} or {_FLEET_VALKEY}_FILE to what the service was given.",
        )
    return url


@contextmanager
def _stack(folder: StateFolder, plan: Plan, display: Display, console: Console, *, is_kept: bool) -> Iterator[str]:
    """Give the API's address; end the stack afterwards if it was started here and is not to be kept."""
    if url := _running_url(folder, display):
        display.say(f"The stack runs already, at {url}.")
        yield url
        return
    try:
        with display.step("Start the stack"):
            is_ready = stack_start(folder, plan, scope="all", on_line=lambda line: display.say(line, Style.FAINT))
            url = StackStatus.of(folder).state.api_url
            if not is_ready or url is None:
                raise StackUnusableError(
                    "The stack did not start; the lines above say why.",
                    remedy=f"Its logs are in {folder.path / 'logs'}.",
                )
        yield url
    finally:
        if not is_kept:
            with display.step("Take the stack down"):
                stack_end(folder, console)


def _running_url(folder: StateFolder, display: Display) -> str | None:
    """Give the address of the stack that runs; None if there is none. One that starts or stops is waited for.

    Raises:
        StackUnusableError: It is not whole.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while (status := StackStatus.of(folder)).state.is_supervised:
        if status.exit_code == WELL and status.state.api_url is not None:
            return status.state.api_url
        if status.exit_code == WELL or time.monotonic() >= deadline:
            raise StackUnusableError(
                f"The stack in {folder.path} is {status.word}, and has no API that could be played on.",
                remedy="Look at it with `python manage.py status`, or end it with `python manage.py down`.",
            )
        display.beat(f"the stack is {status.word}")
        time.sleep(_LOOK_SECONDS)
    return None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have SIGTERM and a closed terminal end the demo as Ctrl-C does, so that the stack is taken down."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _log_ins_print(display: Display, url: str, access: Access, *, story_url: str) -> None:
    """Tell where everything is, in clear: this is a stack on the person's own machine, and they asked."""
    display.table(
        [
            ("API", f"{url}/api/v1/"),
            ("docs", f"{url}/docs/"),
            ("admin", f"{url}/admin/"),
            ("story", story_url),
            ("user", access.username),
            ("password", access.password or "as it was given when the user was made"),
            ("token", access.token),
            ("project", PROJECT),
            ("stop", "make down"),
        ]
    )
