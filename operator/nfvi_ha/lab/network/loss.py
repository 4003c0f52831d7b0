"""Random loss on one end of a link: a tiny XDP program that drops a share of what arrives there.

The usual tools are not everywhere (netem is a kernel option that small kernels lack, nft and iptables are packages), an
XDP program needs the bpf system call and nothing else. It drops what *arrives*, so a link with loss in both directions
has one at each end. With the share 1 the link carries nothing while its carrier stays up: a silent switch port.
"""

import ctypes
import os
import platform
import struct
from typing import Final

SKB_MODE: Final = 2
"""XDP_FLAGS_SKB_MODE: works on every kind of link."""
DETACH: Final = -1
_SYSCALL: Final = {"x86_64": 321, "aarch64": 280}
_PROG_LOAD: Final = 5
_TYPE_XDP: Final = 6


def load(share: float) -> int:
    """The program as a descriptor; to be closed once it is attached.

    Args:
        share: of the packets that are dropped, 0 to 1.

    Raises:
        ValueError: no such share.
        OSError: the kernel refused it, or this machine's system call number is not known here.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share of packets is between 0 and 1, not {share}")
    number = _SYSCALL.get(platform.machine())
    if number is None:
        raise OSError(f"packet loss is not known to work on {platform.machine()}")
    program = ctypes.create_string_buffer(_program(share))
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "<IIQQIIQII16sII",
        _TYPE_XDP,
        (len(program) - 1) // 8,
        ctypes.addressof(program),
        ctypes.addressof(licence),
        *(0, 0, 0, 0, 0),
        b"nfvi_ha_loss",
        *(0, 0),
    )
    buffer = ctypes.create_string_buffer(attributes)
    descriptor = int(ctypes.CDLL(None, use_errno=True).syscall(number, _PROG_LOAD, buffer, len(attributes)))
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf(PROG_LOAD): {os.strerror(error)}")
    return descriptor


def _program(share: float) -> bytes:
    # A jump over 64 bit, so that a share of 1 is more than any random number.
    limit = round(share * 2**32)
    return b"".join(
        (
            _insn(0x85, immediate=7),  # r0 = get_prandom_u32()
            _insn(0xBC, target=1, source=0),  # w1 = w0: the upper half is nought
            _insn(0x18, target=2, immediate=limit & 0xFFFFFFFF),  # r2 = limit, 64 bit in two instructions
            _insn(0x00, immediate=limit >> 32),
            _insn(0xB7, target=0, immediate=2),  # r0 = XDP_PASS
            _insn(0x3D, target=1, source=2, offset=1),  # if r1 >= r2 skip one
            _insn(0xB7, target=0, immediate=1),  # r0 = XDP_DROP
            _insn(0x95),  # return r0
        )
    )


def _insn(code: int, *, target: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("<BBhI", code, source << 4 | target, offset, immediate & 0xFFFFFFFF)
