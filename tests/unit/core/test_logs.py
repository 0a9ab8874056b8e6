"""Log lines are what they seem: nobody writes one who has only a name to give, and none tells a secret."""

import io
import json
import logging
import logging.config
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.core import correlation
from platform_api.settings.components.logs import logs

Log = Callable[..., str]


def written(*, is_json: bool, message: str, error: Exception | None = None, **extra: object) -> str:
    """Write one record with the service's own configuration, and return what a collector reads."""
    configuration = logs(is_json=is_json, level="INFO")
    specification = dict(configuration["formatters"]["json" if is_json else "line"])
    formatter = logging.config.DictConfigurator({"version": 1}).configure_formatter(specification)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(correlation.CorrelationFilter())
    logger = logging.Logger("tests")
    logger.addHandler(handler)
    with correlation.bound("the-exchange"):
        logger.error("said: %s", message, exc_info=error, extra=extra)
    return stream.getvalue()


HOSTILE = [
    "x\n2026-11-21 08:00:00,000 INFO    platform_api [-] all is well",
    "x\r\nforged",
    "x\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029forged",
    "\x1b[2Jcleared",
    "\u202egnorw",
    "\x00",
]


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_begins_a_line_or_steers_a_terminal(text: str, *, is_json: bool) -> None:
    line = written(is_json=is_json, message=text, caller=text)
    assert line.endswith("\n")
    assert line[:-1].splitlines() == [line[:-1]]
    assert line[:-1].isprintable()


@given(st.text())
def test_any_text_stays_one_line_and_a_json_line_gives_it_back(text: str) -> None:
    assert len(written(is_json=False, message=text)[:-1].splitlines()) == 1
    assert json.loads(written(is_json=True, message=text))["message"] == f"said: {text}"


def raised(text: str) -> ValueError:
    """Return an error that has a traceback."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - raised just here
        raise ValueError(text)
    return caught.value


def test_a_traceback_is_indented_whatever_the_error_says() -> None:
    first, *rest = written(is_json=False, message="broken", error=raised(HOSTILE[0]))[:-1].split("\n")
    assert "said: broken" in first
    assert rest
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "slw_pat_hunter2hunter2hunter2",
        "postgresql://slipway_app:hunter2@db:5432/slipway",
        "redis://:hunter2@127.0.0.1:6379/0",
        "Authorization: Bearer hunter2hunter2",
        "authorization: Basic aHVudGVyMg==hunter2",
    ],
)
def test_what_looks_like_a_secret_is_left_out(text: str, *, is_json: bool) -> None:
    assert "hunter2" not in written(is_json=is_json, message=text, error=raised(text), url=text)


def test_a_record_names_the_exchange_and_the_trace() -> None:
    told = json.loads(written(is_json=True, message="hello", route="/x"))
    assert (told["correlation_id"], told["level"], told["logger"], told["route"]) == (
        "the-exchange", "ERROR", "tests", "/x",
    )  # fmt: skip
    assert len(told["trace_id"]) == 32
