import re

from provisioning.states import (
    FINAL_RUN,
    LEASED_RUN,
    LIVE_RUN,
    MACHINES,
    REQUEST_MOVES,
    RESOURCE_MOVES,
    RUN_MOVES,
    WAITING_RUN,
    RequestStatus,
    ResourceStatus,
    RunStatus,
    sources,
)
from tests.unit.provisioning.lifecycles import BEGIN, DOCUMENT, END, rendered


def test_the_document_shows_the_moves_that_the_code_knows() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == rendered(), "run python -m tests.unit.provisioning.lifecycles"


def test_the_document_says_of_each_move_of_a_run_once_who_makes_it() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Who makes the moves of a run")[2].partition("\n## ")[0]
    told = re.findall(r"^\| ([a-z_]+) \| ([a-z_]+) \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    assert sorted(told) == sorted((source.value, target.value) for source in RUN_MOVES for target in RUN_MOVES[source])


def test_every_status_can_be_reached_from_the_first_one() -> None:
    for machine, statuses in (
        ("run", RunStatus),
        ("provisioning_request", RequestStatus),
        ("resource", ResourceStatus),
    ):
        first, moves = MACHINES[machine]
        reached, ahead = {first}, [first]
        while ahead:
            new = moves.get(ahead.pop(), frozenset()) - reached
            reached |= new
            ahead += new
        assert reached == set(statuses.values)


def test_live_and_final_runs_are_all_runs_and_so_are_waiting_and_leased_live_ones() -> None:
    assert set(RunStatus) == LIVE_RUN | FINAL_RUN
    assert WAITING_RUN | LEASED_RUN == LIVE_RUN
    assert not (LIVE_RUN & FINAL_RUN)
    assert not (WAITING_RUN & LEASED_RUN)


def test_sources_of_a_status_are_where_it_is_entered_from() -> None:
    assert sources(RUN_MOVES, RunStatus.APPLIED) == {RunStatus.APPLYING}
    assert sources(REQUEST_MOVES, RequestStatus.FULFILLING) == {RequestStatus.PENDING_APPROVAL}
    assert sources(RESOURCE_MOVES, ResourceStatus.PENDING) == frozenset()
