"""From the first sign of a VM's end to the report and its proof.

Gathers what the decision (``core.vmprocess.ending``) asks for, decides again whenever something more is known, and
reports in the same turn of the event loop.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from nfvi_ha.agent.faults import FaultKey, FaultTable, Observed
from nfvi_ha.agent.probes.procfs import Stat
from nfvi_ha.agent.probes.vm.guest import Case, Guest
from nfvi_ha.agent.probes.vm.vm_cache import VmCache
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.vmprocess.ending import Report, Stay, Wait, judge_launcher, judge_vm
from nfvi_ha.core.vmprocess.facts import Knowledge, VmFacts
from nfvi_ha.core.vmprocess.intent import intended

log = logging.getLogger(__name__)

_LATE_SECONDS: Final = 0.001
"""A timer of the event loop may ring that much early."""


class Endings:
    """The ends of all VMs of this node. ``counted`` is told each decision by a word."""

    def __init__(self, node: str, table: FaultTable, cache: VmCache, counted: Callable[[str], None]) -> None:
        self._node = node
        self._table = table
        self._cache = cache
        self._counted = counted
        self._questions: set[asyncio.Task[None]] = set()

    def sign(self, guest: Guest, stat: Stat, now: float) -> None:
        """The VM's process shows that it is ending, or has ended."""
        case = self._end_of(guest, now)
        case.saw(stat.code, final=stat.ended, dumping=stat.dumping and not stat.ended)
        self._judge(guest, case, now)

    def ended(self, guest: Guest, code: int | None, now: float) -> None:
        """It ended; ``code`` is its wait status where that is known."""
        case = self._end_of(guest, now)
        case.saw(code, final=True)
        self._judge(guest, case, now)

    def launcher_ended(self, guest: Guest, code: int | None, now: float) -> None:
        """The launcher of a VM ended. If its VM was ending before, that is of no interest."""
        if guest.launcher_end is not None or guest.end is not None:
            return
        guest.launcher_end = case = Case(of_launcher=True, first=now)
        case.saw(code, final=True)
        self._judge(guest, case, now)

    def learned(self, guest: Guest, now: float) -> None:
        """Something more is known of the VM."""
        for case in guest.cases:
            self._judge(guest, case, now)

    def prove(self, guest: Guest) -> None:
        """No process is left that could write: evidence for what was or will be reported."""
        guest.proof = f"qemu pid {guest.pid} (start {guest.start}) reaped, no qemu left in pod {guest.pod or '-'}"
        if guest.said is not None:
            self._event(guest, guest.said)

    def close(self) -> None:
        """Ask no more."""
        for question in self._questions:
            question.cancel()

    def intent(self, guest: Guest) -> str:
        """Why the end of this VM would be none, now; "" if it would be a failure."""
        return intended(self._known(guest), self._node)

    def _end_of(self, guest: Guest, now: float) -> Case:
        if guest.end is None:
            # Of a VM in no pod there is nobody to ask, and so nothing to wait for.
            guest.end = Case(of_launcher=False, first=now, refused=not guest.pod)
        return guest.end

    def _known(self, guest: Guest) -> Knowledge:
        identity = guest.identity
        if not guest.pod:
            # One of libvirt alone: nobody but its exit code can tell what was wanted.
            vm = VmFacts(identity.uid, identity.namespace, identity.name) if identity is not None else None
            return Knowledge(vm, None, synced=False, heard_seconds=0.0)
        return self._cache.knowledge(identity.uid if identity is not None else "", guest.pod)

    def _judge(self, guest: Guest, case: Case, now: float) -> None:
        if case.decided:
            return
        known = self._known(guest)
        intent = intended(known, self._node)
        if not intent and case.asked is not None:
            intent = intended(replace(known, vm=case.asked), self._node)
        sight = case.sight(now, intent, known.heard_seconds)
        decision = judge_launcher(sight) if case.of_launcher else judge_vm(sight)
        match decision:
            case Report():
                case.decided = True
                self._report(guest, decision)
            case Stay(reason):
                case.decided = True
                self._counted(reason)
                log.info("VM ended as intended", extra={"vm": guest.label, "pid": guest.pid, "reason": reason})
            case Wait():
                self._wait(guest, case, decision, now)

    def _wait(self, guest: Guest, case: Case, wait: Wait, now: float) -> None:
        loop = asyncio.get_running_loop()
        left = case.first + wait.seconds - now + _LATE_SECONDS
        loop.call_later(left, lambda: self._judge(guest, case, loop.time()))
        if wait.ask and not case.asking and guest.identity is not None and guest.pod:
            case.asking = True
            question = loop.create_task(self._ask(guest, case))
            self._questions.add(question)
            question.add_done_callback(self._questions.discard)

    async def _ask(self, guest: Guest, case: Case) -> None:
        identity = guest.identity
        if identity is None:
            return
        known = self._cache.vm(identity.uid) or VmFacts(identity.uid, identity.namespace, identity.name)
        case.asked = await self._cache.ask(known)
        case.refused = case.asked is None
        self._judge(guest, case, asyncio.get_running_loop().time())

    def _report(self, guest: Guest, report: Report) -> None:
        if guest.said is not None:
            return
        identity = guest.identity
        if identity is None:
            self._counted("Unidentified")
            log.warning("a qemu of an unknown VM ended", extra={"pid": guest.pid, "how": report.how})
            return
        self._counted(report.cause)
        observed = Observed(
            kind=FaultKind.VM_FAILED,
            cause=report.cause,
            severity=Severity.CRITICAL,
            confidence=report.confidence,
            vm_uid=identity.uid,
            vm_namespace=identity.namespace,
            vm_name=identity.name,
            vnf=guest.vnf,
            slot=guest.slot,
            detail=f"qemu pid {guest.pid}: {report.how}",
        )
        self._event(guest, observed)
        log.warning("VM failed", extra={"vm": guest.label, "pid": guest.pid, "cause": report.cause, "how": report.how})

    def _event(self, guest: Guest, observed: Observed) -> None:
        guest.said = replace(observed, proof=guest.proof)
        self._table.event(FaultKey(FaultKind.VM_FAILED, observed.vm_uid), guest.said)
