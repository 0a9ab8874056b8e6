"""Who a CI job is, as its system has signed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class IssuerKind(StrEnum):
    """A CI system."""

    GITHUB = "github"
    GITLAB = "gitlab"


EVENTS: Mapping[IssuerKind, frozenset[str]] = {
    IssuerKind.GITHUB: frozenset({"push", "workflow_dispatch", "schedule", "release", "deployment"}),
    IssuerKind.GITLAB: frozenset({"push", "web", "schedule", "api", "trigger", "pipeline"}),
}
"""What may set a job off that is trusted: what only members of the repository can do, on code that is in it.

Nothing that a pull or merge request sets off is among them, nor what follows from one (``workflow_run``,
``issue_comment``, ``parent_pipeline``): the tokens of both systems do not tell whether the code is a fork's.
"""


@dataclass(frozen=True, kw_only=True)
class CiIdentity:
    """What a token says of its job, once it was found to be genuine.

    Attributes:
        issuer: Address of the system.
        kind: Which system it is.
        repository_id: GitHub's ``repository_id``, GitLab's ``project_id``; stays when the repository is renamed.
        repository: Its name now.
        ref: What runs, in full: ``refs/heads/main``.
        is_ref_protected: Whether the system lets only some people push to it.
        event: What set the job off.
        environment: The deployment environment that the job names.
        run_id: The workflow run, or the pipeline.
        actor: Who set it off.
        use_key: SHA-256 of issuer and ``jti``, in hex.
        expires_at: When the token ends.
    """

    issuer: str
    kind: IssuerKind
    repository_id: str
    repository: str
    ref: str
    is_ref_protected: bool
    event: str
    environment: str | None
    run_id: str
    actor: str
    use_key: str
    expires_at: datetime

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.repository}@{self.ref} ({self.actor})"

    def claims(self) -> dict[str, object]:
        """Return what auditors want to know."""
        return {
            "issuer": self.issuer,
            "repository": self.repository,
            "repository_id": self.repository_id,
            "ref": self.ref,
            "event": self.event,
            "environment": self.environment,
            "run_id": self.run_id,
            "actor": self.actor,
        }
