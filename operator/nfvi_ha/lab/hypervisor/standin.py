"""The program that stands for qemu and for virt-launcher: it does nothing, takes 8 kB, and ends cleanly on SIGTERM.

Why machine code: hundreds of these run on a laptop, each must carry qemu's very command line and process name, start
in under a millisecond, exit 0 on SIGTERM (a guest that shuts down when asked) and die with its hypervisor. An
interpreter per VM costs a thousand times the memory and puts its own words into the command line. On machines other
than x86-64 a shell script does the same, with its interpreter's name in front of the command line, and outlives its
hypervisor by up to two seconds.
"""

import platform
import struct
from pathlib import Path
from typing import Final

_LOAD_ADDRESS: Final = 0x400000
_HEADERS: Final = 64 + 56

# GNU assembler, Intel syntax. System calls: prctl 157, rt_sigprocmask 14, rt_sigtimedwait 128, exit 60.
_X86_64: Final = bytes.fromhex(
    "b89d000000"  # mov  eax, 157
    "bf01000000"  # mov  edi, 1             PR_SET_PDEATHSIG: when the hypervisor dies,
    "be09000000"  # mov  esi, 9             this dies too (SIGKILL)
    "0f05"  # syscall
    "b80e000000"  # mov  eax, 14
    "31ff"  # xor  edi, edi           SIG_BLOCK
    "488d3531000000"  # lea  rsi, [rip+set]
    "31d2"  # xor  edx, edx
    "41ba08000000"  # mov  r10d, 8
    "0f05"  # syscall
    "b880000000"  # mov  eax, 128     wait:
    "488d3d1b000000"  # lea  rdi, [rip+set]   sleep until SIGTERM comes
    "31f6"  # xor  esi, esi
    "31d2"  # xor  edx, edx
    "41ba08000000"  # mov  r10d, 8
    "0f05"  # syscall
    "83f80f"  # cmp  eax, 15          (interrupted by SIGSTOP and SIGCONT: wait again)
    "75e3"  # jne  wait
    "b83c000000"  # mov  eax, 60
    "31ff"  # xor  edi, edi           exit(0)
    "0f05"  # syscall
    "90"  # nop
    "0040000000000000"  # set: SIGTERM
)

_SCRIPT: Final = b"""#!/bin/sh
trap 'kill "$!"; exit 0' TERM
while kill -0 "$PPID" 2>/dev/null; do sleep 2 & wait "$!"; done
"""


def standin_program(machine: str | None = None) -> bytes:
    """The executable file's content for the machine (default: this one, as ``platform.machine()`` names it)."""
    return _elf(_X86_64) if (machine or platform.machine()) == "x86_64" else _SCRIPT


def install_standin(path: Path) -> Path:
    """Writes the program there, executable; a program of that name that is there already is kept.

    The kernel shows the file's name (15 characters of it) as the process name, so the file is to be called as the
    program that it stands for.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(standin_program())
        path.chmod(0o755)
    return path


def _elf(code: bytes) -> bytes:
    """A static 64-bit ELF executable of one segment: headers, then the code."""
    size = _HEADERS + len(code)
    header = struct.pack(
        "<4sBBBB8xHHIQQQIHHHHHH",
        b"\x7fELF", 2, 1, 1, 0,  # 64-bit, little-endian, current version, System V
        2, 62, 1,  # an executable, for x86-64, version 1
        _LOAD_ADDRESS + _HEADERS, 64, 0, 0,  # entry point; program header at 64; no section header; no flags
        64, 56, 1, 0, 0, 0,  # header sizes, one program header, no section headers
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)  # load, read+execute
    return header + segment + code
