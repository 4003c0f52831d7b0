"""MCi_STATUS of a machine check (Intel SDM vol. 3B, 15.3.2.2; AMD has the same bits in the same places)."""

from typing import Final

_VALID: Final = 1 << 63
_UNCORRECTED: Final = 1 << 61


def is_uncorrected(status: str) -> bool:
    """Whether 16 hex digits say so. One that is not valid says nothing."""
    value = int(status, 16)
    return bool(value & _VALID and value & _UNCORRECTED)
