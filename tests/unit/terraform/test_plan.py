import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.terraform.plan import (
    PlanAction,
    PlanChange,
    PlanSummary,
    PlanUnreadableError,
    plan_digest,
    plan_document,
    plan_summarize,
)
from platform_api.terraform.redaction import Redactor

RECORDED = Path(__file__).with_name("recorded")
SECRET = "hunter22-recorded"


def recorded(name: str) -> dict[str, Any]:
    """A plan as Terraform 1.11.4 showed it."""
    return plan_document((RECORDED / f"{name}.json").read_bytes())


def summarize(document: dict[str, Any], *secrets: str) -> PlanSummary:
    return plan_summarize(document, stateful_types={"terraform_data"}, redactor=Redactor(secrets))


def changed(summary: PlanSummary, address: str) -> dict[str, PlanChange]:
    (found,) = (item for item in summary.objects if item.address == address)
    return {change.path: change for change in found.changes}


def one_object(**change: object) -> dict[str, Any]:
    whole = {"actions": ["update"], "before": {}, "after": {}, **change}
    item = {"address": "a.b", "mode": "managed", "type": "a", "change": whole}
    return {"format_version": "1.2", "resource_changes": [item]}


def test_a_creation_lists_what_is_set_and_what_is_known_later() -> None:
    summary = summarize(recorded("create"))
    assert (summary.add, summary.change, summary.replace, summary.destroy, summary.steps) == (2, 0, 0, 0, 2)
    changes = changed(summary, "terraform_data.settings")
    assert changes["input.size"] == PlanChange(path="input.size", before=None, after=1)
    assert changes["input.ports[2].name"].after == "x"
    assert changes["input.tags.a"].after == "1"
    assert changes["id"].is_known_after_apply
    assert not summary.is_empty


def test_a_change_lists_only_what_differs_and_a_replacement_counts_two_steps() -> None:
    summary = summarize(recorded("change"))
    assert (summary.add, summary.change, summary.replace, summary.destroy, summary.steps) == (0, 1, 1, 0, 3)
    changes = changed(summary, "terraform_data.settings")
    assert set(changes) == {"input.size", "input.tags.b", "input.tags.c", "output"}
    assert (changes["input.tags.b"].before, changes["input.tags.b"].after) == ("2", None)
    replaced = next(item for item in summary.objects if item.address == "terraform_data.store")
    assert replaced.action is PlanAction.REPLACE
    assert replaced.is_stateful


def test_a_destruction_and_an_empty_plan_are_told() -> None:
    assert summarize(recorded("destroy")).destroy == 2
    nothing = summarize(recorded("nothing"))
    assert (nothing.objects, nothing.drifted, nothing.is_empty) == ((), (), True)


@pytest.mark.parametrize("name", ["create", "change", "destroy"])
def test_what_is_sensitive_is_marked_and_left_out_also_where_the_provider_hands_it_on_unmarked(name: str) -> None:
    document = recorded(name)
    assert SECRET in json.dumps(document)
    summary = summarize(document)
    assert SECRET not in repr(summary)
    hidden = {change.path for item in summary.objects for change in item.changes if change.is_sensitive}
    assert hidden
    for item in summary.objects:
        assert all((c.before, c.after) == (None, None) for c in item.changes if c.is_sensitive)


def test_a_mark_anywhere_in_a_value_hides_what_it_marks_and_no_more() -> None:
    summary = summarize(
        one_object(
            before={"rules": [{"port": 1, "key": "x1y2z3"}], "all": {"a": "q1w2e3"}},
            after={"rules": [{"port": 2, "key": "r4t5u6"}], "all": {"a": "i7o8p9"}},
            before_sensitive={"rules": [{"key": True}]},
            after_sensitive={"all": True},
        )
    )
    changes = {change.path: change for change in summary.objects[0].changes}
    assert {path: change.is_sensitive for path, change in changes.items()} == {
        "all": True,
        "rules[0].key": True,
        "rules[0].port": False,
    }
    assert not any(secret in repr(summary) for secret in ("x1y2z3", "r4t5u6", "q1w2e3", "i7o8p9"))


def test_a_whole_object_that_is_sensitive_shows_nothing() -> None:
    summary = summarize(one_object(after={"a": "x1y2z3"}, after_sensitive=True))
    assert summary.objects[0].changes == (PlanChange(path="", before=None, after=None, is_sensitive=True),)


def test_a_secret_of_the_run_is_redacted_in_values_and_addresses() -> None:
    document = one_object(after={"note": "see hunter22"})
    document["resource_changes"][0]["address"] = 'a.b["hunter22"]'
    assert "hunter22" not in repr(summarize(document, "hunter22"))


def test_what_is_below_the_depth_that_is_compared_is_one_value_and_keeps_its_mark() -> None:
    deep: Any = "x1y2z3"
    mask: Any = True
    for _ in range(40):
        deep, mask = {"k": deep}, {"k": mask}
    summary = summarize(one_object(after=deep, after_sensitive=mask))
    (change,) = summary.objects[0].changes
    assert change.path == ".".join("k" * 16)
    assert change.is_sensitive
    assert "x1y2z3" not in repr(summary)


def test_an_emptied_list_is_a_change() -> None:
    changes = summarize(one_object(before={"p": ["a"]}, after={"p": []})).objects[0].changes
    assert [(change.path, change.before, change.after) for change in changes] == [("p[0]", "a", None)]
    changes = summarize(one_object(before={"p": []}, after={"p": None})).objects[0].changes
    assert [(change.path, change.before, change.after) for change in changes] == [("p", [], None)]


def test_without_terraforms_own_word_an_output_that_changes_makes_a_plan_worth_applying() -> None:
    document: dict[str, Any] = {"output_changes": {"x": {"actions": ["no-op"]}}}
    assert summarize(document).is_empty
    document["output_changes"]["x"]["actions"] = ["create"]
    assert not summarize(document).is_empty


def test_two_thousand_objects_are_read() -> None:
    document = recorded("change")
    document["resource_changes"] = document["resource_changes"][:1] * 2000
    assert summarize(document).change == 2000


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_a_plan_of_another_form_is_refused_by_one_named_error(data: st.DataObject) -> None:
    document = recorded(data.draw(st.sampled_from(["create", "change"])))
    place: Any = document
    while True:  # walk down to somewhere, and put something else there
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        if data.draw(st.booleans()):
            place[key] = data.draw(HOSTILE)
        else:
            del place[key]
        break
    with contextlib.suppress(PlanUnreadableError):
        summarize(document)


@given(HOSTILE)
def test_whatever_is_no_plan_is_refused_by_the_same_error(document: Any) -> None:
    with contextlib.suppress(PlanUnreadableError):
        summarize(document)


@pytest.mark.parametrize("actions", [["explode"], [], "create", None, ["create", "update"], [["create"]]])
def test_an_action_that_nobody_knows_is_never_passed_over(actions: object) -> None:
    with pytest.raises(PlanUnreadableError):
        summarize(one_object(actions=actions))


def test_a_plan_is_found_behind_warnings_and_its_absence_is_an_error() -> None:
    plan = b'{"format_version":"1.2"}'
    assert plan_document(b"Warning: something\n{ a brace\n" + plan + b"\n") == json.loads(plan)
    for output in (b"", b"{}", b"[]", b"{" * 100_000, plan[:-1], b"\xff\xfe"):
        with pytest.raises(PlanUnreadableError):
            plan_document(output)


def test_a_digest_depends_on_every_value_and_on_no_order() -> None:
    document = recorded("change")
    turned = dict(reversed(list(document.items())))
    other = copy.deepcopy(document)
    other["resource_changes"][0]["change"]["after"]["input"]["size"] = 3
    assert plan_digest(turned) == plan_digest(document)
    assert plan_digest(other) != plan_digest(document)
    assert plan_digest(document).startswith("sha256:")
