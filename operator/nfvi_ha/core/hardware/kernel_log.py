"""From a record of the kernel log to what it says."""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.hardware import log_hardware, log_kernel, log_storage
from nfvi_ha.core.hardware.kmsg_record import KERNEL, KmsgRecord
from nfvi_ha.core.hardware.machine_check import is_uncorrected
from nfvi_ha.core.hardware.rule import Rule

LOG_RULES: Final = (*log_hardware.RULES, *log_kernel.RULES, *log_storage.RULES)
"""The first one that matches counts."""
RULES: Final = tuple(each.rule for each in LOG_RULES if not each.ends)
MAX_TEXT: Final = 512
"""Of a line, what is looked at: what says what it is stands at the beginning."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A line that matters."""

    rule: Rule
    component: str
    seen: str
    """The line, for people."""
    family: str
    """The counters that tell the same, if they are read; "" for none."""
    ends: bool


def is_ours(record: KmsgRecord, max_facility: int = KERNEL) -> bool:
    """Whether it may be believed: the kernel's own words, whole. ``max_facility`` is more than 0 in tests only."""
    return record.facility <= max_facility and not record.fragment


def sighting(record: KmsgRecord) -> Sighting | None:
    """What the record says; None for nothing that we know."""
    text = record.text[:MAX_TEXT]
    for each in LOG_RULES:
        if each.needle not in text or (matched := each.pattern.match(text)) is None:
            continue
        if each is log_hardware.MCE_UNCORRECTED and not is_uncorrected(matched["status"]):
            continue
        component = each.component(matched)
        if each.skip is not None and each.skip.match(component):
            return None
        return Sighting(each.rule, component, text, each.family(matched), each.ends)
    return None
