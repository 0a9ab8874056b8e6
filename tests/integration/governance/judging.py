"""A policy set that misbehaves when it is asked to, and asks for the helper to judge."""

from pathlib import Path
from typing import Any

from governance.engine.policy_set import Stage
from governance.models import PolicyOutcome
from governance.services.policies import Decision, policy_decide
from tests.policies import ask, wait_until

RULES = """
package provision.request.tests

import rego.v1

deny contains {"code": "slow", "msg": "It was slow.", "path": ["name"], "remedy": "-"} if {
    input.name == "endless"
    regex.match(`^(a+)+$`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
}

deny contains {"code": "odd", "msg": 7, "path": ["name"], "remedy": "-"} if input.name == "odd"

deny contains {"code": "failed", "msg": "It failed.", "path": [], "remedy": "-"} if {
    input.name == "failing"
    to_number(input.reason) > 1
}

deny contains {"code": "echo", "msg": input.reason, "path": ["parameters", "a/b", 0], "remedy": input.name} if {
    input.operation == "echo"
}

warn contains {"code": "seen", "msg": sprintf("%v", [opa.runtime()]), "path": [], "remedy": "-"}
"""
MANIFEST = """
id: tests
version: 3
policies:
  - {id: first, title: A, stage: request, enforcement_level: soft-mandatory, query: data.provision.request.tests.deny}
  - {id: second, title: B, stage: request, enforcement_level: advisory, query: data.provision.request.tests.warn}
"""


def policies_write(folder: Path, manifest: str = MANIFEST) -> Path:
    """Write a policy set that misbehaves when it is asked to, below a folder; return where."""
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "policy-set.yaml").write_text(manifest)
    (policies / "rules.rego").write_text(RULES)
    return policies


def decide(**changes: Any) -> Decision:
    """Have the helper judge an ask that nothing objects to, but for these changes."""
    return policy_decide(stage=Stage.REQUEST, value=ask(**changes))


def until_judged(**changes: Any) -> Decision:
    """Ask until the helper judges again; it may be starting another evaluator."""
    decision = decide(**changes)

    def is_judged() -> bool:
        nonlocal decision
        decision = decide(**changes)
        return decision.outcome != PolicyOutcome.ERROR

    wait_until(is_judged, "a judgment")
    return decision
