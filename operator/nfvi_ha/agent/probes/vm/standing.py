"""VMs whose process is there and does not run: a fault for as long as it lasts."""

import logging
import re
from pathlib import Path
from typing import Final

from nfvi_ha.agent.faults import FaultKey, FaultTable, Observed
from nfvi_ha.agent.probes.procfs import STOPPED_STATES, UNINTERRUPTIBLE, Stat
from nfvi_ha.agent.probes.vm.guest import Guest
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.vmprocess.stuck import CAUSE_STOPPED, Standing, StuckLimits, stuck_cause

log = logging.getLogger(__name__)

_SWITCHES: Final = re.compile(r"^(?:non)?voluntary_ctxt_switches:\s*(\d+)", re.MULTILINE)


class StandingVms:
    """Puts and clears ``vm.stuck``."""

    def __init__(self, procfs: Path, limits: StuckLimits, table: FaultTable) -> None:
        self._procfs = procfs
        self._limits = limits
        self._table = table

    def see(self, guest: Guest, stat: Stat, now: float) -> None:
        """It does not run at this moment."""
        if stat.state not in STOPPED_STATES and stat.state != UNINTERRUPTIBLE:
            self.runs(guest)
            return
        standing = guest.standing
        if standing is None or standing.state != stat.state:
            self.runs(guest)
            guest.standing = Standing(stat.state, now, self._switches(guest))
            return
        switches = standing.switches
        if stat.state == UNINTERRUPTIBLE and now - standing.since >= self._limits.uninterruptible_seconds:
            switches = self._switches(guest)
            if switches != standing.switches:
                # It woke in between: many short waits are a busy disk, not a lost one.
                self.runs(guest)
                guest.standing = Standing(stat.state, now, switches)
                return
        cause = stuck_cause(standing, switches, now, self._limits)
        if cause and guest.stuck != cause:
            self._put(guest, cause)

    def runs(self, guest: Guest) -> None:
        """It runs, or it is ending, which is another fault's matter."""
        guest.standing = None
        if guest.stuck:
            guest.stuck = ""
            if guest.identity is not None:
                self._table.clear(FaultKey(FaultKind.VM_STUCK, guest.identity.uid))
                log.info("VM is not stuck any more", extra={"vm": guest.label, "pid": guest.pid})

    def _put(self, guest: Guest, cause: str) -> None:
        identity = guest.identity
        if identity is None:
            return
        guest.stuck = cause
        how = "is stopped" if cause == CAUSE_STOPPED else "is in uninterruptible sleep"
        observed = Observed(
            kind=FaultKind.VM_STUCK,
            cause=cause,
            severity=Severity.MAJOR,
            vm_uid=identity.uid,
            vm_namespace=identity.namespace,
            vm_name=identity.name,
            vnf=guest.vnf,
            slot=guest.slot,
            detail=f"qemu pid {guest.pid} {how}",
        )
        self._table.put(FaultKey(FaultKind.VM_STUCK, identity.uid), observed)
        log.warning("VM is stuck", extra={"vm": guest.label, "pid": guest.pid, "cause": cause})

    def _switches(self, guest: Guest) -> int:
        """How often its leader gave up the CPU so far; 0 if that cannot be read, which then never changes."""
        try:
            text = Path(f"{self._procfs}/{guest.pid}/status").read_text(errors="replace")
        except OSError:
            return 0
        return sum(map(int, _SWITCHES.findall(text)))
