"""The warm process that forks providers."""

import json
import subprocess
import sys

FORKED = """
import json, os, sys
from fleet_provider import serve

serve._warm_up()
warm = set(sys.modules)
if os.fork() == 0:
    serve._server(lambda: None, lambda: None)
    import encodings.idna  # what connecting to a named host does
    print(json.dumps(sorted(set(sys.modules) - warm)), flush=True)
    os._exit(0)
os.wait()
"""


def test_a_fork_has_everything_imported_so_that_no_run_pays_for_it() -> None:
    answer = subprocess.run((sys.executable, "-c", FORKED), capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == []
