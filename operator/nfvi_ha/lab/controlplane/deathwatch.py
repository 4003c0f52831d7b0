"""Becomes another program that the kernel kills when its starter dies: ``deathwatch.py PARENT_PID PROGRAM ARGS...``.

A script of its own instead of code between fork and exec: that is unsafe in a process with threads. The process id
stays, so whoever started this has started the program. Linux only (PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Asks for the death signal, makes sure the starter was still there by then, and becomes the program."""
    parent, program = int(argv[1]), argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before we asked; nobody would ever send the signal
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv)
