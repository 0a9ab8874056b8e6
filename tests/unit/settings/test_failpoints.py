"""Production knows no failpoints, and every moment that the fault kit tries has its point in shipped code."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.faults.directed import MOMENTS

ROOT = Path(__file__).resolve().parents[3]


def test_production_does_not_start_with_failpoints(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "x" * 64,
        "SLIPWAY_SEALING_KEYS": "1:" + "A" * 43 + "=",
    }
    codes = []
    for folder in ("", str(tmp_path)):
        done = subprocess.run(
            [sys.executable, "-c", "import platform_api.settings.production"],
            env={**environ, "SLIPWAY_FAILPOINTS": folder},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        codes.append((done.returncode, "SLIPWAY_FAILPOINTS lets files stop" in done.stderr))
    assert codes == [(0, False), (1, True)]


def test_every_moment_has_its_point_and_every_point_its_moment() -> None:
    shipped = {
        point
        for app in ("platform_api", "provisioning", "governance", "catalog")
        for path in (ROOT / app).rglob("*.py")
        for called in re.findall(r"^\s+failpoint\((.+)\)$", path.read_text(), re.MULTILINE)
        for point in re.findall(r'"([a-z_.]+)"', called)
    }
    assert shipped == {moment.point for moments in MOMENTS.values() for moment in moments.values()}


def test_there_are_24_moments_as_the_plan_has_them() -> None:
    assert sum(map(len, MOMENTS.values())) == 24
