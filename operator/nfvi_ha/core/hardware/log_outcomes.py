"""What lines of the kernel log come to, by how bad they are."""

from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.log_rule import Outcome
from nfvi_ha.core.hardware.rule import HOURLY, Lasting

FAILED: Final = Outcome(FaultKind.HARDWARE_FAILED, Severity.CRITICAL, Lasting.EVENT)
CRITICAL: Final = Outcome(FaultKind.HARDWARE_DEGRADED, Severity.CRITICAL)
MAJOR: Final = Outcome(FaultKind.HARDWARE_DEGRADED, Severity.MAJOR)
MINOR: Final = Outcome(FaultKind.HARDWARE_DEGRADED, Severity.MINOR)
WARNING: Final = Outcome(FaultKind.HARDWARE_DEGRADED, Severity.WARNING)
OFTEN: Final = Outcome(FaultKind.HARDWARE_DEGRADED, Severity.WARNING, rate=HOURLY)
COUNTED: Final = Outcome(None, Severity.WARNING)
PATH: Final = Outcome(FaultKind.STORAGE_PATH_DEGRADED, Severity.MAJOR)
PATH_OFTEN: Final = Outcome(FaultKind.STORAGE_PATH_DEGRADED, Severity.WARNING, rate=HOURLY)
