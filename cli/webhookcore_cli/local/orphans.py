"""Children that never outlive their parent, not even one that was killed with SIGKILL."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def ends_with_parent(ending: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` after which the kernel sends the child `ending` when its parent dies; None where no kernel can.

    Only for a parent's main thread: the kernel takes the end of the thread that forked for the parent's.
    """
    if sys.platform != "linux":
        return None  # pragma: no cover
    # Loaded before the fork: between fork and exec a child must not import, allocate or take a lock.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:  # pragma: no cover - runs after the fork, where nothing is measured
        prctl(PR_SET_PDEATHSIG, int(ending), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the request: nobody would ever send the signal

    return ask_kernel
