"""A process that works for another ends when that one has, even killed: nobody is left to tell it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

STATUS = 128 + signal.SIGTERM


def end_with_parent(unwind: Callable[[], object] = lambda: None) -> None:
    """From now on this process follows its parent; what ``unwind`` does comes before."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is None:
        return

    def follow() -> None:
        parent.join()
        unwind()
        os._exit(STATUS)

    threading.Thread(target=follow, daemon=True).start()
