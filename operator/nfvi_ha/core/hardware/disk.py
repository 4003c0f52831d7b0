"""Disks: what SMART, NVMe and the kernel's own state of them mean.

smartctl(8) 7.3 and nvme-cli 2.3 gave the field names; the bits of ``critical_warning`` are those of the NVMe base
specification, figure "SMART / Health Information Log".
"""

from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.rule import DAILY, DAY_SECONDS, HOURLY, Lasting, Rule, Source


def _rule(
    name: str, aspect: str, sign: str, severity: Severity, advice: str, kind: FaultKind = FaultKind.HARDWARE_DEGRADED
) -> Rule:
    component = f"disk/<disk>{aspect}"
    return Rule(name, Source.DISK_HEALTH, component, sign, kind, severity, Lasting.WHILE, advice)


SMART_FAILING: Final = _rule(
    "SmartFailing",
    "/health",
    "smartctl: health self-assessment failed (exit status bit 3, `smart_status.passed` false)",
    Severity.MAJOR,
    "the disk expects to fail: replace it now",
)
SMART_PREFAIL: Final = _rule(
    "SmartPrefail",
    "/prefail",
    "smartctl: a pre-fail attribute is at its threshold (exit status bit 4)",
    Severity.MAJOR,
    "replace it at the next maintenance",
)
SMART_BAD_SECTORS: Final = _rule(
    "SmartBadSectors",
    "/sectors",
    "attribute 197 or 198 (pending, offline uncorrectable sectors) is over 0",
    Severity.WARNING,
    "replace it at the next maintenance",
)
SMART_MANY_BAD_SECTORS: Final = _rule(
    "SmartManyBadSectors", "/many-sectors", "the same is 100 or more", Severity.MAJOR, "replace it now"
)
NVME_SPARE: Final = _rule(
    "NvmeSpareLow",
    "/spare",
    "`critical_warning` bit 0, or spare below its threshold",
    Severity.MAJOR,
    "replace it at the next maintenance",
)
NVME_RELIABILITY: Final = _rule(
    "NvmeUnreliable",
    "/health",
    "`critical_warning` bit 2: many media or internal errors",
    Severity.MAJOR,
    "replace it now",
)
NVME_READ_ONLY: Final = _rule(
    "NvmeReadOnly",
    "",
    "`critical_warning` bit 3: the media is read-only",
    Severity.CRITICAL,
    "it takes no writes: replace it now",
    FaultKind.HARDWARE_FAILED,
)
NVME_BACKUP: Final = _rule(
    "NvmeBackupFailed",
    "/backup",
    "`critical_warning` bit 4: its power-loss protection failed",
    Severity.MAJOR,
    "a power cut may lose data: replace it",
)
NVME_PMR: Final = _rule(
    "NvmeMemoryRegion",
    "/pmr",
    "`critical_warning` bit 5: persistent memory region is read-only or unreliable",
    Severity.MINOR,
    "replace it at the next maintenance",
)
NVME_WORN: Final = _rule(
    "DiskWorn",
    "/wear",
    "`percentage_used` (`percent_used`) is 100 or more",
    Severity.WARNING,
    "its rated life is over: plan its replacement",
)
NVME_HOT: Final = _rule(
    "NvmeTemperature", "/temperature", "`critical_warning` bit 1", Severity.WARNING, "check fans and air flow"
)
MEDIA_ERRORS: Final = Rule(
    name="DiskMediaErrors",
    source=Source.DISK_HEALTH,
    component="disk/<disk>/media",
    sign="`media_errors`, attribute 187, or SCSI's uncorrected errors grow",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.HELD,
    advice="replace it at the next maintenance",
    hold_seconds=DAY_SECONDS,
)
REALLOCATED: Final = Rule(
    name="SmartReallocated",
    source=Source.DISK_HEALTH,
    component="disk/<disk>/reallocated",
    sign="attribute 5, or SCSI's grown defects, grow",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="replace it at the next maintenance",
    rate=DAILY,
)
CABLE: Final = Rule(
    name="DiskCableErrors",
    source=Source.DISK_HEALTH,
    component="disk/<disk>/cable",
    sign="attribute 199 (CRC errors on the cable) grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="check its cable and backplane",
    rate=HOURLY,
)
OFFLINE: Final = Rule(
    name="DiskOffline",
    source=Source.DISK_STATE,
    component="disk/<disk>",
    sign="`device/state` is `offline` (SCSI), `dead` (NVMe)",
    kind=FaultKind.HARDWARE_FAILED,
    severity=Severity.CRITICAL,
    lasting=Lasting.WHILE,
    advice="the kernel gave it up: replace it",
)
RULES: Final = (
    OFFLINE,
    SMART_FAILING,
    SMART_PREFAIL,
    SMART_BAD_SECTORS,
    SMART_MANY_BAD_SECTORS,
    NVME_SPARE,
    NVME_RELIABILITY,
    NVME_READ_ONLY,
    NVME_BACKUP,
    NVME_PMR,
    NVME_WORN,
    NVME_HOT,
    MEDIA_ERRORS,
    REALLOCATED,
    CABLE,
)
OFFLINE_STATES: Final = frozenset({"offline", "dead"})
MANY_SECTORS: Final = 100
"""As node-problem-detector's DiskBadBlock has it."""
