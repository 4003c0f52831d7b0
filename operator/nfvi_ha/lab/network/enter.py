"""Enters a network namespace and becomes another program: ``enter.py NAMESPACE SYSFS PROGRAM ARGS...``.

``SYSFS`` is a directory for a sysfs of that namespace (the one at /sys shows the links of the namespace that it was
mounted in), visible to the program and its children only; "" for none. A script of its own for the same reason as
``controlplane.deathwatch``, and as small. Linux only.
"""

import ctypes
import os
import sys

CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000
MS_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
MS_REC_PRIVATE = 0x4000 | 0x40000


def main(argv: list[str]) -> None:
    """Enters, mounts, and becomes the program."""
    namespace, sysfs, program = argv[1], argv[2], argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)

    def must(what: str, result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), f"{what} failed")

    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    must("setns", libc.setns(descriptor, CLONE_NEWNET))
    if sysfs:
        must("unshare", libc.unshare(CLONE_NEWNS))
        # Else the mount would spread to everybody who shares this tree of mounts.
        must("mount", libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC_PRIVATE), None))
        flags = ctypes.c_ulong(MS_NOSUID_NODEV_NOEXEC)
        must("mount", libc.mount(b"sysfs", os.fsencode(sysfs), b"sysfs", flags, None))
    os.execvp(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv)
