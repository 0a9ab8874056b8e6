import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("entry", "shown", "expected"),
    [
        ("platform_api.celery", "DATABASES['default']['OPTIONS']['row_scope']", "all"),
        ("platform_api.wsgi", "DATABASES['default']['OPTIONS']['row_scope']", "nothing"),
        ("platform_api.wsgi", "DATABASES['default']['OPTIONS']['pool']['max_size']", "16"),
    ],
)
def test_an_entry_point_takes_an_empty_variable_for_none(entry: str, shown: str, expected: str) -> None:
    empty = {"SLIPWAY_ROW_SCOPE": "", "SLIPWAY_DATABASE_POOL_SIZE": "", "DJANGO_SETTINGS_MODULE": ""}
    needed = {
        "SECRET_KEY": "x" * 50,
        "SLIPWAY_SEALING_KEYS": "1:" + "A" * 43 + "=",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    needed["DATABASE_URL"] = "postgresql://slipway_app:unused@127.0.0.1:1/slipway"
    code = f"import {entry}; from django.conf import settings; print(settings.{shown})"
    answer = subprocess.run(
        (sys.executable, "-c", code),
        cwd=Path(__file__).resolve().parents[3],
        env={"PATH": os.environ["PATH"], **needed, **empty},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout.strip() == expected, answer.stderr
