from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.core.ids import Prefix, UnknownIdError, is_id, new_id, parse, show


@given(st.uuids(), st.sampled_from(Prefix))
def test_an_id_comes_back_as_it_was_shown(value: UUID, prefix: Prefix) -> None:
    assert parse(prefix, show(prefix, value)) == value


def test_ids_sort_by_the_time_they_were_made() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert [show(Prefix.RUN, item) for item in ids] == sorted(show(Prefix.RUN, item) for item in ids)
    assert {item.version for item in ids} == {7}


@pytest.mark.parametrize(
    "text",
    [
        "", "run", "run_", "run_1", "res_01jd0000000000000000000000", "RUN_01jd0000000000000000000000",
        "run_01JD0000000000000000000000", "run_8zzzzzzzzzzzzzzzzzzzzzzzzz", "run_01jd000000000000000000000i",
        "run_01jd0000000000000000000000 ", "run_01jd0000000000000000000000\n", "01jd0000000000000000000000",
        "run_" + "\u0661" * 26, "\x00", "run_01jd0000000000000000000000/../..",
    ],
)  # fmt: skip
def test_what_names_nothing_is_answered_like_something_missing(text: str) -> None:
    with pytest.raises(UnknownIdError) as caught:
        parse(Prefix.RUN, text)
    assert caught.value.code == "not_found"


def test_slugs_are_not_taken_for_ids() -> None:
    assert is_id(Prefix.PROJECT, show(Prefix.PROJECT, new_id()))
    assert not is_id(Prefix.PROJECT, "prj-checkout")
