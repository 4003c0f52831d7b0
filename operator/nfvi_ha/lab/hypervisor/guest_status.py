"""The VMI statuses that virt-handler writes: pure functions on JSON, each giving the whole object to put."""

import copy
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from nfvi_ha.lab.objects import (
    JsonObject,
    condition_of,
    conditions_of,
    set_phase,
    uid_of,
    with_condition,
    without_condition,
)

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class End:
    """How a VM ended: the final phase and the Event that tells it."""

    phase: str
    event_type: EventType
    note: str


SHUT_DOWN = End("Succeeded", "Normal", "The VirtualMachineInstance was shut down.")
CRASHED = End("Failed", "Warning", "The VirtualMachineInstance crashed.")


def how_it_ended(exit_code: int, *, launcher_lost: bool) -> End:
    """Qemu exits 0 only after its guest shut down; without a launcher nobody can tell, and KubeVirt says Failed."""
    return SHUT_DOWN if exit_code == 0 and not launcher_lost else CRASHED


def running(vmi: JsonObject, now: datetime) -> JsonObject:
    """Started: phase Running, with what the guest shows of itself."""
    new = copy.deepcopy(vmi)
    status = new["status"]
    set_phase(new, "Running", now)
    status["conditions"] = with_condition(conditions_of(vmi), {"type": "LiveMigratable", "status": "True"}, now)
    status["migrationMethod"] = "LiveMigration"
    status["machine"] = {"type": "pc-q35-rhel9.6.0"}
    status["interfaces"] = [
        {"name": "default", "ipAddress": address(uid_of(vmi)), "infoSource": "domain", "queueCount": 1}
    ]
    return new


def ended(vmi: JsonObject, end: End, now: datetime) -> JsonObject:
    """Over: the final phase with its transition timestamp, which only virt-handler leaves on a VMI that ran."""
    new = copy.deepcopy(vmi)
    set_phase(new, end.phase, now)
    new["status"]["conditions"] = without_condition(conditions_of(vmi), "Paused")
    return new


def paused(vmi: JsonObject, now: datetime, *, wanted: bool) -> JsonObject | None:
    """Frozen on an I/O error, or thawed; None when the object says so already."""
    if wanted == ((condition_of(vmi, "Paused") or {}).get("status") == "True"):
        return None
    new = copy.deepcopy(vmi)
    condition = {
        "type": "Paused",
        "status": "True",
        "reason": "PausedIOError",
        "message": "VMI was paused, low-level IO error detected",
    }
    conditions = conditions_of(vmi)
    new["status"]["conditions"] = (
        with_condition(conditions, condition, now) if wanted else without_condition(conditions, "Paused")
    )
    return new


def address(uid: str) -> str:
    """A guest address out of 198.18.0.0/15, the range for benchmarks; nothing listens there."""
    digest = hashlib.sha256(uid.encode()).digest()
    return f"198.{18 + digest[0] % 2}.{digest[1]}.{1 + digest[2] % 254}"
