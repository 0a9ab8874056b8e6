import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from governance.engine.policy_set import Stage
from governance.models import PolicyDecision, PolicyOutcome
from governance.services.policies import Decision, policy_decide, policy_decision_columns, policy_decision_record
from governance.services.policy_input import caller_input, moment
from platform_api.core import clock
from platform_api.core.ids import new_id
from platform_api.core.sealing import SealBrokenError, unseal
from tests import databases
from tests.people import People
from tests.policies import PolicyHelper, ask

SUBJECT, PROJECT = new_id(), new_id()


def decided(**changes: Any) -> Decision:
    return policy_decide(stage=Stage.REQUEST, value=ask(**changes))


def record(decision: Decision) -> PolicyDecision:
    made = policy_decision_record(
        decision=decision, subject_type="provisioning_request", subject_id=SUBJECT, project_id=PROJECT
    )
    return PolicyDecision.objects.get(pk=made.pk)


@pytest.mark.django_db
def test_a_decision_is_kept_with_the_set_that_made_it(policy_helper: PolicyHelper) -> None:
    decision = decided(reason="")
    row = record(decision)
    assert (row.stage, row.set_id, row.set_version, row.set_digest) == (
        "request", "default", 1, decision.verdict.policy_set.digest,
    )  # fmt: skip
    assert (row.subject_type, row.subject_id, row.project_id) == ("provisioning_request", SUBJECT, PROJECT)
    assert row.outcome == "warn"
    assert {result["id"]: (result["level"], result["outcome"], result["detail"]) for result in row.results} == {
        "large_plans_in_production": ("hard_mandatory", "allow", None),
        "production_has_a_ticket": ("soft_mandatory", "allow", None),
        "production_does_not_expire": ("hard_mandatory", "allow", None),
        "previews_expire": ("hard_mandatory", "allow", None),
        "production_has_a_reason": ("hard_mandatory", "allow", None),
        "reason_given": ("advisory", "warn", "The reason has fewer than 8 characters."),
        "monthly_cost": ("advisory", "allow", None),
    }
    assert row.input_digest.startswith("sha256:")
    assert row.milliseconds > 0
    assert row.at is not None


@pytest.mark.django_db
def test_its_input_is_sealed_and_opens_only_at_its_place(policy_helper: PolicyHelper) -> None:
    row, other = record(decided(parameters={"note": "for our eyes"})), record(decided())
    sealed = bytes(row.input_sealed)
    assert b"for our eyes" not in sealed
    opened = json.loads(unseal(sealed, place=f"policy_decision/{row.pk}/input"))
    assert opened == msgspec.to_builtins(ask(parameters={"note": "for our eyes"}))
    for place in (f"policy_decision/{other.pk}/input", f"policy_decision/{row.pk}/results", ""):
        with pytest.raises(SealBrokenError):
            unseal(sealed, place=place)
    assert row.input_digest != other.input_digest


@pytest.mark.django_db
def test_that_nothing_could_be_judged_is_kept_too(settings: Settings, tmp_path: Path) -> None:
    settings.POLICY_SOCKET = tmp_path / "nobody.sock"
    row = record(decided())
    assert (row.outcome, row.set_id, row.set_version, row.results) == ("error", "", 0, [])
    assert json.loads(unseal(bytes(row.input_sealed), place=PolicyDecision.place_of_input(row.pk)))["name"] == "orders"
    row = record(decided(name="a\0b"))
    assert (row.outcome, row.input_digest) == ("error", "")


def test_the_columns_of_a_decision_are_all_that_the_database_does_not_fill_itself(
    settings: Settings, tmp_path: Path
) -> None:
    settings.POLICY_SOCKET = tmp_path / "nobody.sock"
    columns = policy_decision_columns(decision=decided(), subject_type="run", subject_id=SUBJECT, project_id=PROJECT)
    assert set(columns) == {field.column for field in PolicyDecision._meta.concrete_fields} - {"at"}
    assert None not in columns.values()


@pytest.mark.django_db
def test_an_outcome_that_nobody_knows_is_refused_by_the_database(policy_helper: PolicyHelper) -> None:
    columns = policy_decision_columns(decision=decided(), subject_type="run", subject_id=SUBJECT, project_id=PROJECT)
    with pytest.raises(IntegrityError, match="policy_outcome_is_sound"), transaction.atomic():
        PolicyDecision.objects.create(**{**columns, "outcome": "perhaps"})


@pytest.mark.parametrize("user", ["DATABASE_URL", "DATABASE_OWNER_URL"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE policy_decision SET outcome = 'allow'", "DELETE FROM policy_decision", "TRUNCATE policy_decision"],
)
def test_decisions_cannot_be_changed(
    committing_database: str, policy_helper: PolicyHelper, user: str, statement: str
) -> None:
    row = record(decided(reason=""))
    with databases.connected(user, committing_database) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(statement)
    assert PolicyDecision.objects.get(pk=row.pk).outcome == PolicyOutcome.WARN


@pytest.mark.django_db
def test_a_caller_is_judged_by_the_roles_that_count_in_the_project(people: People) -> None:
    inside = caller_input(caller=people.teammate.caller, team_id=people.shop.pk, project_id=people.checkout.pk)
    assert (inside.name, inside.kind, inside.roles) == ("teammate", "human", ["developer"])
    outside = caller_input(caller=people.stranger.caller, team_id=people.shop.pk, project_id=people.checkout.pk)
    assert outside.roles == []


def test_a_moment_of_the_clock_is_one_that_the_rules_can_read(policy_helper: PolicyHelper) -> None:
    preview = ask().environment
    at = clock.now()
    soon = msgspec.structs.replace(preview, is_ephemeral=True, expires_at=moment(at))
    assert moment(at).endswith("+00:00")
    assert decided(environment=soon, now=moment(at)).outcome == PolicyOutcome.ALLOW
    late = msgspec.structs.replace(soon, expires_at=moment(at.replace(year=at.year + 1)))
    assert decided(environment=late, now=moment(at)).outcome == PolicyOutcome.DENY
    zulu = msgspec.structs.replace(soon, expires_at="2026-12-01T08:00:00Z")
    assert decided(environment=zulu, now=moment(at)).outcome == PolicyOutcome.ERROR  # never an allowance


def test_the_policies_are_shown_with_their_levels(people: People) -> None:
    answer = people.viewer.client.get("/api/v1/policies")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["id"], body["version"], body["digest"][:7]) == ("default", 1, "sha256:")
    assert body["policies"][0] == {
        "id": "large_plans_in_production", "title": "Large plans are for production environments", "stage": "request",
        "level": "hard_mandatory",
    }  # fmt: skip
    assert len(body["policies"]) == 7


def test_policies_that_cannot_be_read_are_unavailable_and_tell_no_path(
    people: People, settings: Settings, tmp_path: Path
) -> None:
    settings.POLICY_DIR = tmp_path
    answer = people.viewer.client.get("/api/v1/policies")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert str(tmp_path) not in answer.content.decode()


@pytest.mark.django_db
def test_no_column_of_a_decision_tells_more_than_its_digest(policy_helper: PolicyHelper) -> None:
    decision = decided()
    row = record(replace(decision, verdict=replace(decision.verdict, results=())))
    assert "orders" not in str(PolicyDecision.objects.filter(pk=row.pk).values().get())
