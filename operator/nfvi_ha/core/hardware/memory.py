"""Memory errors, as EDAC counts them (Linux, Documentation/ABI/testing/sysfs-devices-edac)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.decision import Decision
from nfvi_ha.core.hardware.rule import HOURLY, Lasting, Rule, Source

UNCORRECTED: Final = Rule(
    name="MemoryUncorrected",
    source=Source.MEMORY,
    component="memory/mcN[/dimmN]",
    sign="`dimm_ue_count`, `ue_noinfo_count` or `ue_count` grows",
    kind=FaultKind.HARDWARE_FAILED,
    severity=Severity.CRITICAL,
    lasting=Lasting.EVENT,
    advice="move the VMs away and replace it",
)
CORRECTED: Final = Rule(
    name="MemoryCorrected",
    source=Source.MEMORY,
    component="memory/mcN[/dimmN]",
    sign="`dimm_ce_count`, `ce_noinfo_count` or `ce_count` grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="replace it at the next maintenance",
    rate=HOURLY,
)
RULES: Final = (UNCORRECTED, CORRECTED)


@dataclass(frozen=True, slots=True)
class Dimm:
    """One DIMM's counters."""

    name: str
    """"dimm0" (or "rank0" where the driver sees ranks)."""
    label: str
    """As silk-screened on the board, e.g. "CPU0_DIMM_A1"; "" for none."""
    corrected: int
    uncorrected: int


@dataclass(frozen=True, slots=True)
class Controller:
    """One memory controller's counters, all since its driver was loaded or they were reset."""

    name: str
    """"mc0"."""
    corrected: int
    uncorrected: int
    corrected_nowhere: int
    """Of no known DIMM."""
    uncorrected_nowhere: int
    dimms: tuple[Dimm, ...]

    @property
    def consistent(self) -> bool:
        """Whether its DIMMs account for all. If not, it may have been read while the kernel was counting."""
        return self._rest(self.corrected, self.corrected_nowhere, [dimm.corrected for dimm in self.dimms]) == 0 and (
            self._rest(self.uncorrected, self.uncorrected_nowhere, [dimm.uncorrected for dimm in self.dimms]) == 0
        )

    @property
    def corrected_rest(self) -> int:
        """What no DIMM accounts for."""
        rest = self._rest(self.corrected, self.corrected_nowhere, [dimm.corrected for dimm in self.dimms])
        return self.corrected_nowhere + max(rest, 0)

    @property
    def uncorrected_rest(self) -> int:
        """What no DIMM accounts for."""
        rest = self._rest(self.uncorrected, self.uncorrected_nowhere, [dimm.uncorrected for dimm in self.dimms])
        return self.uncorrected_nowhere + max(rest, 0)

    @staticmethod
    def _rest(total: int, nowhere: int, dimms: Iterable[int]) -> int:
        return total - nowhere - sum(dimms)


def judge(book: HardwareBook, controllers: Iterable[Controller], now: float) -> list[Decision]:
    """What the counters say. An error is a DIMM's where the driver knows which, else the controller's."""
    decisions: list[Decision] = []
    for controller in controllers:
        part, counter = f"memory/{controller.name}", f"edac/{controller.name}"
        for dimm in controller.dimms:
            where = dimm.label or dimm.name
            component, name = f"{part}/{dimm.name}", f"{counter}/{dimm.name}"
            ue, ce = f"uncorrected errors on {where}", f"corrected errors on {where}"
            decisions += book.counted(UNCORRECTED, component, f"{name}/ue", dimm.uncorrected, ue, now)
            decisions += book.counted(CORRECTED, component, f"{name}/ce", dimm.corrected, ce, now)
        where = f"{controller.name}, DIMM not known"
        ue, ce = f"uncorrected errors on {where}", f"corrected errors on {where}"
        decisions += book.counted(UNCORRECTED, part, f"{counter}/ue", controller.uncorrected_rest, ue, now)
        decisions += book.counted(CORRECTED, part, f"{counter}/ce", controller.corrected_rest, ce, now)
    return decisions
