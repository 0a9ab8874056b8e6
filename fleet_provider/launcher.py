"""The command that runs this checkout's provider in a fresh, isolated interpreter."""

import sys
import sysconfig
from pathlib import Path


def launch_command(call: str) -> list[str]:
    """Return the arguments that call a function of ``fleet_provider.serve``.

    The interpreter runs isolated (``-I -S``): no variable of the caller's environment and no ``.pth`` file
    changes what is imported; the checkout and the packages beside this interpreter are named outright.

    Args:
        call: Such as ``launched()``.
    """
    packages = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    paths = [str(Path(__file__).resolve().parent.parent), *dict.fromkeys(packages)]
    code = f"import sys; sys.path[:0] = {paths!r}; from fleet_provider import serve; serve.{call}"
    return [sys.executable, "-I", "-S", "-c", code]
