"""Network adapters: errors on the wire and a carrier that comes and goes. Carrier itself is the link probe's."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.decision import Decision
from nfvi_ha.core.hardware.rule import HOURLY, Lasting, Rate, Rule, Source

CRC: Final = Rule(
    name="NicCrcErrors",
    source=Source.NIC,
    component="nic/<interface>/crc",
    sign="`rx_crc_errors` or `rx_frame_errors` grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="check cable, transceiver and switch port",
    rate=Rate(100, 3600.0),
)
ERRORS: Final = Rule(
    name="NicErrors",
    source=Source.NIC,
    component="nic/<interface>/errors",
    sign="`rx_errors` (without those) or `tx_errors` grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="check adapter, firmware and driver",
    rate=Rate(1000, 3600.0),
)
FLAPPING: Final = Rule(
    name="NicFlapping",
    source=Source.NIC,
    component="nic/<interface>/flapping",
    sign="`carrier_changes` grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="check cable, transceiver and switch port",
    rate=HOURLY,
)
RULES: Final = (CRC, ERRORS, FLAPPING)


@dataclass(frozen=True, slots=True)
class Adapter:
    """Counters of one interface with an adapter behind it."""

    name: str
    crc: int
    errors: int
    carrier_changes: int


def judge(book: HardwareBook, adapters: Iterable[Adapter], now: float) -> list[Decision]:
    """What the counters say."""
    decisions: list[Decision] = []
    for nic in adapters:
        name, rows = nic.name, f"nic/{nic.name}"
        decisions += book.counted(CRC, f"{rows}/crc", f"{rows}/crc", nic.crc, f"CRC errors on {name}", now)
        decisions += book.counted(ERRORS, f"{rows}/errors", f"{rows}/errors", nic.errors, f"errors on {name}", now)
        changes = f"changes of carrier on {name}"
        decisions += book.counted(FLAPPING, f"{rows}/flapping", f"{rows}/carrier", nic.carrier_changes, changes, now)
    return decisions
