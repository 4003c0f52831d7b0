"""All rules of the hardware probe."""

from typing import Final

from nfvi_ha.core.hardware import adapter, disk, kernel_log, memory, pcie, temperature
from nfvi_ha.core.hardware.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *memory.RULES,
    *pcie.RULES,
    *temperature.RULES,
    *disk.RULES,
    *adapter.RULES,
    *kernel_log.RULES,
)
