"""Runs a program that ends when its parent does: `python die_with_parent.py PARENT_PID PROGRAM ARGUMENT...`.

A program of its own, run by path and with the standard library only, because setting this between fork and exec inside
a threaded process can deadlock. On systems other than Linux the program simply runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks the kernel for SIGTERM at the parent's death, then becomes the program.

    The kernel means the thread that forked us: it must live as long as the program is wanted.
    """
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0):
            sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
        if os.getppid() != parent:  # it died before we asked
            sys.exit("the parent is gone")
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted here


if __name__ == "__main__":
    main()
