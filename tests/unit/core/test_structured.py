import pytest

from platform_api.core.http.structured import NotAStringItemError, string_item


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"order-4711"', "order-4711"),
        ('""', ""),
        (' "a b" ', "a b"),
        (r'"say \"hi\" \\ there"', r'say "hi" \ there'),
        ('"k";v=1;w;x="y";z=:YQ==:;q=?1;t=@-5;n=-1.5;s=*tok/en', "k"),
        ('"8e03978e-40d5-43e8-bc93-6894a57f9324"', "8e03978e-40d5-43e8-bc93-6894a57f9324"),
    ],
)
def test_a_string_item_is_read(value: str, expected: str) -> None:
    assert string_item(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "", "order-4711", "'order'", '"open', 'open"', '"a", "b"', '"a" "b"', '"a"b', r'"bad \n escape"', '"tab\there"',
        '"ümlaut"', '"line\nfeed"', '"a"\n', "4711", "?1", ":YQ==:", '("a")', '"a";=1', '"a";B=1', '"a" ;b',
    ],
)  # fmt: skip
def test_what_is_no_string_item_is_refused(value: str) -> None:
    with pytest.raises(NotAStringItemError):
        string_item(value)
