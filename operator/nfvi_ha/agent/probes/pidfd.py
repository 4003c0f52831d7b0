"""A file descriptor for one process: readable when it ends, and on Linux 6.15 and newer it keeps the exit code."""

import errno
import fcntl
import os
import struct
from typing import Final

_INFO: Final = struct.Struct("<QQ11Ii")
"""struct pidfd_info (linux/pidfd.h), its first version: mask, cgroup id, eleven ids, exit code."""
_GET_INFO: Final = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11
_INFO_EXIT: Final = 1 << 3


def open_pidfd(pid: int) -> int | None:
    """None where the process is gone, or the kernel has no pidfds (before 5.3).

    Raises:
        OSError: no more file descriptors.
    """
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        return None


def exit_code(pidfd: int) -> int | None:
    """The wait status of a process that was waited for; None if it was not, or where the kernel does not keep it."""
    try:
        answer = fcntl.ioctl(pidfd, _GET_INFO, _INFO.pack(_INFO_EXIT, *(0,) * 13))
    except OSError:
        # ENOTTY, EINVAL: an older kernel. ESRCH: neither alive nor kept.
        return None
    mask, *_, code = _INFO.unpack(answer)
    return int(code) if mask & _INFO_EXIT else None
