"""Benchmarks in their short form: that they work and say what they are for. What they measure is not judged here."""

import json
import os
import subprocess
import sys

import pytest

from platform_api.embedded.folder import CHECKOUT

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

RATIOS = {"ready_ratio", "launched_ratio", "wake_ratio", "throughput_ratio", "crowd_ratio"}
FIGURES = {"cpu_overhead_ms", "cpu_total_ms", "memory_mb", "post_ms", "first_log_ms"}


def test_provision_prints_one_line_with_all_its_figures() -> None:
    answer = subprocess.run(
        (sys.executable, "-m", "benchmarks.provision"),
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "SHORT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    (line,) = answer.stdout.splitlines()
    figures = json.loads(line)
    assert figures["benchmark"] == "provision"
    assert set(figures) >= RATIOS | FIGURES | {"load_before", "load_after"}
    assert all(figures[name] > 0 for name in RATIOS | FIGURES)
    assert sum(figures["cpu_by_part_ms"].values()) == pytest.approx(figures["cpu_overhead_ms"], abs=0.1)
