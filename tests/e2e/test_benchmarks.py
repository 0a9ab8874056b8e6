"""Benchmarks in their short form: that they work and say what they are for. What they measure is not judged here."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from platform_api.embedded.folder import CHECKOUT

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

PROVISION_RATIOS = {"ready_ratio", "launched_ratio", "wake_ratio", "throughput_ratio", "crowd_ratio"}
PROVISION_FIGURES = {"cpu_overhead_ms", "cpu_total_ms", "memory_mb", "post_ms", "first_log_ms"}
API_RATIOS = {"post_ratio", "post_one_project_ratio", "post_cpu_ratio", "post_tail_ratio"}
API_RATIOS |= {"get_ratio", "waiters_ratio", "page_ratio"}
API_FIGURES = {"post_cpu_ms", "post_policy_cpu_ms", "raw_cpu_ms", "post_per_s", "raw_per_s", "get_per_s", "plain_per_s"}

SCALE_FIGURES = {"claim_ratio", "claims_per_s", "bare_claims_per_s", "lag_ratio", "lag_p99_ms", "lag_p99_few_ms"}
SCALE_FIGURES |= {"heartbeat_core_percent", "reap_ms", "reap_ms_few", "reconcile_ms", "reconcile_ms_few"}
SCALE_FIGURES |= {"tiny_runs_per_s"}


def measured(name: str) -> dict[str, Any]:
    answer = subprocess.run(
        (sys.executable, "-m", f"benchmarks.{name}"),
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SHORT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    (line,) = answer.stdout.splitlines()
    figures: dict[str, Any] = json.loads(line)
    assert figures["benchmark"] == name
    assert figures["load_before"] >= 0
    assert figures["load_after"] >= 0
    return figures


def test_provision_prints_one_line_with_all_its_figures() -> None:
    figures = measured("provision")
    assert set(figures) >= PROVISION_RATIOS | PROVISION_FIGURES
    assert all(figures[name] > 0 for name in PROVISION_RATIOS | PROVISION_FIGURES)
    assert sum(figures["cpu_by_part_ms"].values()) == pytest.approx(figures["cpu_overhead_ms"], abs=0.1)


def test_api_prints_one_line_with_all_its_figures() -> None:
    figures = measured("api")
    assert set(figures) >= API_RATIOS | API_FIGURES
    assert all(figures[name] > 0 for name in API_RATIOS | API_FIGURES)


def test_scale_prints_one_line_with_all_its_figures() -> None:
    figures = measured("scale")
    assert set(figures) >= SCALE_FIGURES
    assert all(figures[name] > 0 for name in SCALE_FIGURES - {"heartbeat_core_percent"})
