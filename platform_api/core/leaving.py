"""Hears that this process is asked to end, whoever handles the signal; calls that are held would keep it a minute."""

import os
import signal
import threading
from collections.abc import Callable


def on_leaving(do: Callable[[], None]) -> None:
    """Do something, once, when SIGTERM or SIGINT comes.

    A server sets handlers of its own after it has loaded the application, and one of ours would be lost. Python also
    writes each signal's number to a descriptor, which a thread reads here. Nothing is done where somebody else has that
    descriptor, as an event loop has, or where the calling thread is not the main one, which alone may set it.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if former != -1:
        signal.set_wakeup_fd(former)
        os.close(reader)
        os.close(writer)
        return
    threading.Thread(target=_listen, args=(reader, do), name="slipway-leaving", daemon=True).start()


def _listen(reader: int, do: Callable[[], None]) -> None:
    while number := os.read(reader, 1):
        if number[0] in {signal.SIGTERM, signal.SIGINT}:
            do()
            return
