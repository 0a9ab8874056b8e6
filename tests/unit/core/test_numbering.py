import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.core.postgresql.numbering import numbered


def test_names_become_numbers_in_the_order_in_which_they_first_stand() -> None:
    text, names = numbered("SELECT %(b)s::int, %(a)s::text, %(b)s::int")
    assert (text, names) == ("SELECT $1::int, $2::text, $1::int", ("b", "a"))


def test_places_without_names_become_numbers_one_after_another() -> None:
    assert numbered("SELECT %s, %s, 'x'") == ("SELECT $1, $2, 'x'", ())


def test_a_doubled_percent_sign_is_a_percent_sign() -> None:
    assert numbered("SELECT 10 %% 3, a LIKE 'x%%' WHERE b = %s") == ("SELECT 10 % 3, a LIKE 'x%' WHERE b = $1", ())
    assert numbered("SELECT 10 %% 3") == ("SELECT 10 % 3", ())


def test_a_text_has_names_or_none_but_not_both() -> None:
    with pytest.raises(ValueError, match="names or none"):
        numbered("SELECT %s, %(a)s")


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1))
def test_each_number_stands_for_its_name(names: list[str]) -> None:
    text, known = numbered(", ".join(f"%({name})s" for name in names))
    assert [known[int(place.strip("$")) - 1] for place in text.split(", ")] == names
