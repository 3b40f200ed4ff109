"""A child process that ends with the process that started it, however that ends.

The parent keeps the other end of the child's standard input. When the parent dies, even by kill -9, the kernel closes it
and the child reads the end of file. No signal handler of the parent has to run for that.
"""

import os
import signal
import threading
import time
from typing import Final

_GRACE_SECONDS: Final = 5.0


def end_with_parent() -> None:
    """Ask this process to stop when standard input ends, and stop it if it has not done so after a few seconds."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    # The bare descriptor: a thread inside sys.stdin would hold its lock when the interpreter ends.
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
