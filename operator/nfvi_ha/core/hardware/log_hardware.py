"""Lines of the kernel log about memory, CPUs, PCIe and firmware.

Sources: node-problem-detector's kernel-monitor.json and abrt-adaptor.json, and drivers/edac, arch/x86/kernel/cpu/mce,
drivers/pci/pcie/aer.c, drivers/acpi/apei/ghes.c, mm/memory-failure.c of Linux.
"""

from typing import Final

from nfvi_ha.core.hardware.log_outcomes import COUNTED, FAILED, MAJOR, OFTEN, WARNING
from nfvi_ha.core.hardware.log_rule import log_rule

_PCI: Final = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
_AER: Final = rf"\S+ (?P<port>{_PCI}): (?:AER: )?(?:(?:Multiple )?(?:AER: )?|PCIe Bus Error: severity=)"
_FROM: Final = rf"(?:,| error (?:message )?received)(?:.*?(?P<pci>{_PCI}))?"
_HW: Final = r"(?:mce: )?(?:\{\d+\})?\[Hardware Error\]: "
_PARTS: Final = "move the VMs away and replace it"

# The bits that decide between corrected and uncorrected are in the line (``mce_status``), so it has two rules.
MCE_UNCORRECTED: Final = log_rule(
    "MachineCheckUncorrected",
    "cpu/{cpu}",
    "Machine Check",
    rf"{_HW}CPU (?P<cpu>\d+): Machine Check(?: Exception)?: [0-9a-f]+ Bank (?P<bank>\d+): (?P<status>[0-9a-f]{{16}})",
    FAILED,
    "move the VMs away; check CPU and memory",
)
MCE_CORRECTED: Final = log_rule(
    "MachineCheckCorrected",
    "cpu/{cpu}/corrected",
    "Machine Check",
    MCE_UNCORRECTED.pattern.pattern,
    OFTEN,
    "check CPU and memory at the next maintenance",
)
RULES: Final = (
    MCE_UNCORRECTED,
    MCE_CORRECTED,
    log_rule(
        "MachineCheckLogged",
        "cpu/machine-checks",
        "Machine check events logged",
        rf"{_HW}Machine check events logged",
        OFTEN,
        "check CPU and memory at the next maintenance",
    ),
    log_rule(
        "EdacUncorrected",
        "memory/mc{mc}",
        "EDAC MC",
        r"EDAC MC(?P<mc>\d+): (?:\d+ )?UE\b",
        FAILED,
        _PARTS,
        counters="edac/mc{mc}",
    ),
    log_rule(
        "EdacCorrected",
        "memory/mc{mc}",
        "EDAC MC",
        r"EDAC MC(?P<mc>\d+): (?:\d+ )?CE\b",
        OFTEN,
        "replace it at the next maintenance",
        counters="edac/mc{mc}",
    ),
    log_rule(
        "MemoryReadError",
        "memory/read",
        "CE memory read error",
        r"(?:EDAC \S+ )?(?:\d+ )?CE memory read error ",
        OFTEN,
        "replace the DIMM at the next maintenance",
    ),
    log_rule("MemoryPoisoned", "memory/page", "Memory failure: 0x", r"Memory failure: 0x[0-9a-f]+: ", FAILED, _PARTS),
    log_rule(
        "FirmwareFatal",
        "firmware/fatal",
        "event severity: fatal",
        rf"{_HW}event severity: fatal$",
        FAILED,
        "read the BMC's log; move the VMs away",
    ),
    log_rule(
        "FirmwareRecoverable",
        "firmware/recoverable",
        "event severity: recoverable",
        rf"{_HW}event severity: recoverable$",
        MAJOR,
        "read the BMC's log",
    ),
    log_rule(
        "FirmwareCorrected",
        "firmware/corrected",
        "event severity: corrected",
        rf"{_HW}event severity: corrected$",
        OFTEN,
        "read the BMC's log at the next maintenance",
    ),
    log_rule(
        "PcieRecoveryFailed",
        "pci/{port}",
        "device recovery failed",
        rf"\S+ (?P<port>{_PCI}): AER: device recovery failed",
        FAILED,
        "move the VMs away; check the card",
    ),
    log_rule(
        "PcieFatalLogged",
        "pci/{pci}",
        "(Fatal)",
        rf"{_AER}Uncorrect(?:ed|able) \(Fatal\){_FROM}",
        FAILED,
        "move the VMs away; check card and slot",
        counters="aer/{pci}",
    ),
    log_rule(
        "PcieNonFatalLogged",
        "pci/{pci}/nonfatal",
        "(Non-Fatal)",
        rf"{_AER}Uncorrect(?:ed|able) \(Non-Fatal\){_FROM}",
        MAJOR,
        "check card, slot and firmware",
        counters="aer/{pci}",
    ),
    log_rule(
        "PcieCorrectedLogged",
        "pci/{pci}/corrected",
        "Correct",
        rf"{_AER}Correct(?:ed|able){_FROM}",
        OFTEN,
        "reseat the card at the next maintenance",
        counters="aer/{pci}",
    ),
    log_rule("PcieErrorBit", "pci/{port}", ": ", rf"\S+ (?P<port>{_PCI}):\s+\[\s*\d+\] [A-Z]\w+", COUNTED),
    log_rule(
        "CpuHot",
        "cpu/throttled",
        "temperature",
        r"(?:mce: )?CPU(?P<cpu>\d+): (?:Core|Package) temperature (?:is )?above threshold",
        WARNING,
        "VMs run slower: check cooling",
        counters="throttle/cpus",
    ),
)
