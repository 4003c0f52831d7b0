"""The guest: 41 bytes of boot sector that sleep until the ACPI power button is pressed and then switch the power off.

That is a clean shutdown as qemu and libvirt see it, made by the guest itself (SHUTDOWN, cause guest-shutdown), without
an operating system. The ports are those that SeaBIOS gives the power management of qemu's q35 and pc machines.
"""

from pathlib import Path
from typing import Final

SIZE: Final = 1 << 20
"""Sparse. SeaBIOS boots no disk of one sector."""
ENABLED: Final = 0x0100
"""What stands in PM1_EN once the guest has booted: it listens to the power button."""
ENABLE_PORT: Final = 0x602

_CODE: Final = bytes.fromhex(
    "fa"  # cli
    "31c0"  # xor ax, ax
    "8ed8"  # mov ds, ax
    "8ed0"  # mov ss, ax
    "bc007c"  # mov sp, 0x7c00
    "fb"  # sti
    "ba0206"  # mov dx, 0x602      PM1_EN
    "b80001"  # mov ax, 0x0100     PWRBTN_EN
    "ef"  # out dx, ax
    "ba0006"  # mov dx, 0x600      PM1_STS
    "f4"  # wait: hlt
    "ed"  # in ax, dx
    "f6c401"  # test ah, 1         PWRBTN_STS
    "74f9"  # jz wait
    "ba0406"  # mov dx, 0x604      PM1_CNT
    "b80020"  # mov ax, 0x2000     SLP_EN, sleep type 0: S5 in qemu
    "ef"  # out dx, ax
    "f4"  # end: hlt
    "ebfd"  # jmp end
)


def write_image(path: Path) -> Path:
    """A raw disk that boots that."""
    with path.open("wb") as disk:
        disk.write(_CODE.ljust(510, b"\0") + b"\x55\xaa")
        disk.truncate(SIZE)
    return path
