"""Where a demo plays: the API, the display, and the judge of what is seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from platform_api.core.errors import FaultError
from platform_api.embedded.demo.api import Answer, Api
from platform_api.embedded.demo.display import Display, Style

OFFERING = "postgres-database"
PREVIEW_ENVIRONMENT = "preview-environment"
PROJECT = "demo"
PRODUCTION = "live"
"""An environment of tier production in the demo's project."""

REQUESTS = "/api/v1/requests"


class ExpectationError(FaultError):
    """The demo did not see what it expected; the text says what, what came, and where the logs are."""

    code = "expectation_failed"
    title = "The demo did not see what it expected"
    remedy = "What an aborted demo leaves behind, the next one removes."


@dataclass(kw_only=True)
class Stage:
    """What every step of the journey gets."""

    api: Api
    display: Display
    # Where the logs are, in a person's words.
    logs: str
    # The log-in name that the demo acts as.
    username: str
    # Names of this demo's resources end in it.
    suffix: str
    # How the admin of the Valkey reaches it on which queues and caches are made; holds the password.
    fleet_valkey_url: str = field(repr=False)
    # Correlation ids of the exchanges that the audit trail is asked about, in their order.
    exchanges: list[str] = field(default_factory=list)
    # Codes of those of them that were refused.
    refusals: list[str] = field(default_factory=list)

    def see(self, claim: str, *, expected: object, came: object) -> None:
        """Go on only if what came is what was expected.

        Raises:
            ExpectationError: It is not.
        """
        if came != expected:
            raise self.failure(claim, expected=str(expected), came=str(came))
        self.display.seen(claim)

    def failure(self, claim: str, *, expected: str, came: str) -> ExpectationError:
        """Make the error for a claim that did not come true."""
        lines = [f"Not seen: {claim}.", f"  expected  {expected}", f"  came      {came}", f"  logs      {self.logs}"]
        return ExpectationError(self.display.masked("\n".join(lines)))

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        status: int,
        key: str | None = None,
        seen: str | None = None,
    ) -> Answer:
        """Make a call, show it, and insist on the status of its answer.

        Raises:
            ExpectationError: Another status came.
        """
        answer = self.api.call(method, path, body, key=key, seen=seen)
        self.display.say(f"{answer.call}  ->  {answer.status}", Style.FAINT)
        if answer.status != status:
            raise self.failure(f"{answer.call} is answered with {status}", expected=str(status), came=answer.brief)
        return answer

    def remember(self, answer: Answer) -> None:
        """Have the audit trail asked about an exchange later."""
        self.exchanges.append(answer.correlation_id)
        if answer.is_refusal:
            self.refusals.append(answer.body["code"])

    def read(self, path: str) -> Any:
        """Give the body of what is there, without showing the call.

        Raises:
            ExpectationError: It is not there, or not to be read.
        """
        answer = self.api.call("GET", path)
        if answer.status != httpx.codes.OK:
            raise self.failure(f"{answer.call} can be read", expected="200", came=answer.brief)
        return answer.body

    def name(self, noun: str) -> str:
        """Name a resource of this demo."""
        return f"{noun}-{self.suffix}"

    def story_url(self, request_id: str) -> str:
        """Tell where the admin site has the whole story of a request on one page."""
        return f"{self.api.url}/admin/id/{request_id}/"

    def quotas(self) -> dict[tuple[str, str], int]:
        """Tell what is held of each quota of the project and its team, by scope and kind; nothing held is left out."""
        rows = self.api.rows(f"/api/v1/quotas?project={PROJECT}")
        held = {(row["scope"], row["kind"]): row["reserved"] + row["used"] for row in rows}
        return {quota: amount for quota, amount in held.items() if amount}

    def points(self) -> int:
        """Tell how many points the project holds."""
        return self.quotas().get((f"project:{PROJECT}", "points"), 0)
