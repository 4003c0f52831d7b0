"""PCIe errors, as AER counts them (Linux, Documentation/ABI/testing/sysfs-bus-pci-devices-aer).

Counters are the truth: since 6.16 the text in the log is limited to 10 lines in 5 s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.decision import Decision
from nfvi_ha.core.hardware.rule import HOURLY, Lasting, Rule, Source

FATAL: Final = Rule(
    name="PcieFatal",
    source=Source.PCIE,
    component="pci/<address>",
    sign="`TOTAL_ERR_FATAL` of `aer_dev_fatal` grows",
    kind=FaultKind.HARDWARE_FAILED,
    severity=Severity.CRITICAL,
    lasting=Lasting.EVENT,
    advice="move the VMs away; check card, slot and riser",
)
NON_FATAL: Final = Rule(
    name="PcieNonFatal",
    source=Source.PCIE,
    component="pci/<address>/nonfatal",
    sign="`TOTAL_ERR_NONFATAL` of `aer_dev_nonfatal` grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.MAJOR,
    lasting=Lasting.HELD,
    advice="check card, slot and firmware",
    hold_seconds=3600.0,
)
CORRECTED: Final = Rule(
    name="PcieCorrected",
    source=Source.PCIE,
    component="pci/<address>/corrected",
    sign="`TOTAL_ERR_COR` of `aer_dev_correctable` grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="reseat the card at the next maintenance",
    rate=HOURLY,
)
RULES: Final = (FATAL, NON_FATAL, CORRECTED)
SUFFIX: Final = {FATAL.name: "", NON_FATAL.name: "/nonfatal", CORRECTED.name: "/corrected"}
_WORDS: Final = {FATAL.name: "fatal", NON_FATAL.name: "non-fatal", CORRECTED.name: "corrected"}


@dataclass(frozen=True, slots=True)
class PciDevice:
    """Errors of one device by the name of their rule; a file that it does not have is left out."""

    address: str
    """"0000:3b:00.0"."""
    errors: Mapping[str, int]
    """``aer_dev_*``, of its own."""
    messages: Mapping[str, int]
    """``aer_rootport_total_err_*``: messages that a root port got from those below it."""


class PcieWatch:
    """Judges all devices. A root port's messages count only where no device owns up to an error of that kind.

    An endpoint that cannot be read any more counts nothing: then the root port is all there is. It is counted before
    the device (drivers/pci/pcie/aer.c), so its word waits for the look after the next one.
    """

    def __init__(self, book: HardwareBook) -> None:
        self._book = book
        self._unowned: dict[tuple[str, str], int] = {}
        """What a root port had not been believed yet, by its address and rule."""
        self._messages: dict[tuple[str, str], int] = {}
        self._owned: dict[tuple[str, str], int] = {}

    def judge(self, devices: Iterable[PciDevice], now: float) -> list[Decision]:
        """What the counters say."""
        decisions: list[Decision] = []
        found = list(devices)
        for rule in RULES:
            owned = False
            for device in found:
                if (value := device.errors.get(rule.name)) is None:
                    continue
                what = f"{_WORDS[rule.name]} PCIe errors of {device.address}"
                key = (device.address, rule.name)
                owned = owned or value > self._owned.get(key, value)
                self._owned[key] = value
                decisions += self._book.counted(
                    rule, _component(rule, device), _counter(rule, device.address), value, what, now
                )
            decisions += self._root_ports(rule, found, now, owned=owned)
        return decisions

    def _root_ports(self, rule: Rule, devices: Iterable[PciDevice], now: float, *, owned: bool) -> list[Decision]:
        decisions: list[Decision] = []
        for device in devices:
            if (value := device.messages.get(rule.name)) is None:
                continue
            key = (device.address, rule.name)
            waiting = self._unowned.pop(key, 0)
            more = max(0, value - self._messages.get(key, value))
            self._messages[key] = value
            if owned:
                continue
            if waiting:
                seen = f"{waiting} {_WORDS[rule.name]} PCIe errors behind root port {device.address}"
                decisions += self._book.happened(rule, _component(rule, device), seen, now, waiting)
            if more:
                self._unowned[key] = more
        return decisions


def _component(rule: Rule, device: PciDevice) -> str:
    return f"pci/{device.address}{SUFFIX[rule.name]}"


def _counter(rule: Rule, address: str) -> str:
    return f"aer/{address}/{rule.name}"
