import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context

from django.db import connection

from governance.models import Pool, Quota, QuotaEntry
from governance.selectors.quotas import quota_reconcile
from governance.services.quota_limits import quotas_ensure
from governance.services.quotas import quota_commit, quota_release, quota_reserve_together
from platform_api.core.ids import new_id
from tests.integration.governance import quota_process
from tests.integration.governance.facts import CHECKOUT, figures, moves
from tests.people import TESTS

WORKERS = 4


def processes(database: str) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        WORKERS, mp_context=get_context("spawn"), initializer=quota_process.start, initargs=(database,)
    )


def test_of_twenty_reservations_for_the_last_slot_exactly_one_is_granted(committing_database: str) -> None:
    quota_reserve_together(facts=CHECKOUT, amounts={new_id(): {"points": 19, "count:database": 1}}, caller=TESTS)
    start = threading.Barrier(20)

    def one(_: int) -> bool:
        start.wait(timeout=30)
        return quota_process.reserve(asdict(CHECKOUT), 1)

    with ThreadPoolExecutor(20) as threads:
        granted = list(threads.map(one, range(20)))
    assert granted.count(True) == 1
    assert figures()["project:checkout points"] == (20, 0)
    assert figures()["project:checkout count:database"] == (2, 0)


def test_processes_that_reserve_at_once_are_granted_what_fits_and_no_more(committing_database: str) -> None:
    facts = replace(CHECKOUT, project_id=new_id(), team_id=new_id())
    with processes(committing_database) as pool:
        granted = list(pool.map(quota_process.reserve, [asdict(facts)] * 12, [3] * 12))
    assert granted.count(True) == 6  # 20 points hold six times three; the rows are made by whoever comes first
    assert figures(facts)["team:shop points"] == (18, 0)


def test_a_wild_mix_of_moves_never_exceeds_a_limit_and_always_equals_its_ledger(committing_database: str) -> None:
    other = replace(CHECKOUT, project_id=new_id(), project_slug="billing")
    for facts in (CHECKOUT, other):
        quotas_ensure(facts=facts, kinds=["points", "count:database"])
    Quota.objects.filter(kind="points", scope_type="team").update(limit=12)
    Quota.objects.filter(kind="points", scope_type="project").update(limit=8)
    subjects = [new_id() for _ in range(6)]
    with processes(committing_database) as pool:
        walks = [
            pool.submit(quota_process.wander, [asdict(CHECKOUT), asdict(other)], subjects, seed, 80)
            for seed in range(WORKERS)
        ]
        refused = sum(walk.result(timeout=90) for walk in walks)  # a deadlock would raise here
    assert refused > 0
    assert quota_reconcile() == []
    for quota in Quota.objects.all():
        entries = list(QuotaEntry.objects.filter(quota=quota))
        assert entries
        assert max(entry.reserved_after + entry.used_after for entry in entries) <= quota.limit
        assert (quota.reserved, quota.used) >= (0, 0)


def test_a_doubled_commit_and_release_at_once_count_once(committing_database: str) -> None:
    subject = new_id()
    quota_reserve_together(facts=CHECKOUT, amounts={subject: {"points": 2}}, caller=TESTS)
    start = threading.Barrier(8)

    def commit(_: int) -> None:
        start.wait(timeout=30)
        quota_commit(subject_id=subject, caller=TESTS)
        connection.close()

    def release(_: int) -> None:
        start.wait(timeout=30)
        quota_release(subject_id=subject, pools=[Pool.RESERVED, Pool.USED], caller=TESTS)
        connection.close()

    for call in (commit, release):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(call, range(8)))
    assert [move for scope, move, _, _ in moves(subject) if scope == "team"] == ["reserve", "commit", "release"]
    assert set(figures().values()) == {(0, 0)}
