"""What agents see, told: a fault in a verified beat is raised, one that left it is cleared, an event is acknowledged.

Whether a fault is over is asked of the book, not of the last beat but one: so a sentinel that restarted, or learned of
an incident from its fellows, clears it all the same.
"""

import logging
from collections.abc import Callable
from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.wire.answer import BITMAP_BITS
from nfvi_ha.core.wire.local_fault import LocalFault
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.sentinel.allowance import Allowance
from nfvi_ha.sentinel.entries import VmEntry
from nfvi_ha.sentinel.handover import Handover
from nfvi_ha.sentinel.lives import Life, Lives
from nfvi_ha.sentinel.local_faults import (
    COMPONENT_KIND,
    PROOF_KINDS,
    SENTINELS_OWN,
    VM_KIND,
    BadFault,
    Whereabouts,
    fault_of,
    overflow_fault,
    whereabouts,
)
from nfvi_ha.sentinel.teller import Teller

log = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 3.0
"""Probes that have just come up have looked at everything by then; what is not among the faults before is not over
yet."""
FRESH_SECONDS: Final = 1.0
"""Nothing is over by the word of an agent that is silent."""
ARRIVAL_SECONDS: Final = 10.0
"""A process of a VM that is about to arrive and ends is the target of a migration that failed, or the VM itself: the
API says which within seconds. After that it is told, with low confidence: it may be the API that is away."""
PROOF_SECONDS: Final = 30.0
"""So long an agent must repeat a death whose VM the feed does not show there: after that it is on record without."""
REFUSED_KEPT: Final = 256
"""Refused faults of one start of an agent that are counted and logged."""
GIVEN_UP: Final = float("-inf")
VM_STATES: Final = frozenset({FaultKind.VM_STUCK})
"""Faults of VMs that agents clear. A VM that failed is cleared by its replacement."""
PERHAPS_EVENTS: Final = frozenset({FaultKind.HARDWARE_FAILED, FaultKind.STORAGE_PATH_SLOW})
"""Kinds that come as events, too. One that we did not see as a state is not cleared by being absent."""


class AgentFaults:
    """The faults of all agents.

    Args:
        lives: what agents said.
        book: all incidents.
        teller: tells.
        handover: knows which record is safe.
        vm_of: a VM as the feed shows it.
        is_governed: whether a node is ours to speak of.
        clock: time.
        on_refused: told of a fault that cannot be used, with its node.
        on_defect: counts faults that we could not bear.
    """

    def __init__(
        self,
        *,
        lives: Lives,
        book: IncidentBook,
        teller: Teller,
        handover: Handover,
        vm_of: Callable[[str], VmEntry | None],
        is_governed: Callable[[str], bool],
        clock: Clock,
        on_refused: Callable[[str], None] = lambda node: None,
        on_defect: Callable[[], None] = lambda: None,
    ) -> None:
        self._lives = lives
        self._book = book
        self._teller = teller
        self._handover = handover
        self._vm_of = vm_of
        self._is_governed = is_governed
        self._clock = clock
        self._on_refused = on_refused
        self._on_defect = on_defect
        self._states: set[str] = set()
        """Incidents that we saw as a state, not as an event."""
        self._refused: dict[str, tuple[int, set[int]]] = {}
        """By node: which start of its agent, and the serials that were refused of it."""
        self._allowance = Allowance(clock.monotonic)
        self._held: set[str] = set()
        """Nodes with faults that are told later, for they made too many."""
        self._unsettled: dict[tuple[str, int], tuple[str, float]] = {}
        """By node and serial, of which VM and since when: deaths that are no evidence yet, for the feed does not show
        the VM there."""
        self._incident_of: dict[tuple[str, int], str] = {}
        """By node and serial: what must be safe before the agent may forget it; "" where nothing must."""

    def changed(self, life: Life) -> bool:
        """A node's set of faults is another one. Returns whether an event in it, or the proof of one, is not safe."""
        node = life.beat.node
        life.untold = not self._is_governed(node)
        if life.untold:
            return False
        self._held.discard(node)
        before = {serial for of, serial in self._incident_of if of == node}
        for local in life.faults:
            self._raise(node, life, local)
        for serial in before - {local.serial for local in life.faults}:
            del self._incident_of[node, serial]
        self._drop_unsettled(node, {local.serial for local in life.faults})
        self.review(node)
        return not self.all_safe(node)

    def review_all(self) -> None:
        """Clear what is over; to be called about once a second, for grace ends without a beat that says so.

        And look again at what could not be told, or could prove nothing, when it came.
        """
        for node in self._held | {node for node, _ in self._unsettled}:
            life, held = self._lives.get(node), node in self._held
            self._held.discard(node)
            for local in life.faults if life is not None else ():
                if life is not None and (held or (node, local.serial) in self._unsettled):
                    self._raise(node, life, local)
        for incident in self._book.open_incidents():
            node = incident.fault.node or incident.fault.resource.name.partition("/")[0]
            self._judge(incident, self._lives.get(node))

    def review(self, node: str) -> None:
        """Clear what is over on one node."""
        life = self._lives.get(node)
        for incident in self._book.open_incidents():
            if incident.fault.node == node:
                self._judge(incident, life)

    def forget(self, node: str) -> None:
        """The node left the roster."""
        self._drop_unsettled(node, set())
        self._refused.pop(node, None)
        self._allowance.forget(node)
        self._held.discard(node)
        for key in [key for key in self._incident_of if key[0] == node]:
            del self._incident_of[key]

    def all_safe(self, node: str) -> bool:
        """Whether no event of it is wanting."""
        life = self._lives.get(node)
        return life is None or all(self._is_safe(node, local.serial) for local in life.faults if local.is_event)

    def recorded(self, node: str, boot_id: str, incarnation: int) -> tuple[int, int]:
        """What an answer to that start of an agent acknowledges: ``recorded_upto`` and ``recorded_bitmap``.

        All up to a serial is acknowledged only if no event below it can be wanting. Where the agent left faults out
        of its beat, those are of higher serials than what it named (VM events go in that order).
        """
        life = self._lives.get(node)
        if life is None or (life.beat.boot_id, life.beat.incarnation) != (boot_id, incarnation):
            return 0, 0
        if life.generation is None or life.untold:
            return life.acknowledged, 0
        events = [local.serial for local in life.faults if local.is_event]
        wanting = [serial for serial in events if not self._is_safe(node, serial)]
        if life.whole:
            upto = max((local.serial for local in life.faults), default=life.acknowledged)
        else:
            upto = min(events, default=1) - 1
        # Down again, too: what was acknowledged without its proof is wanting when it comes with it.
        upto = min(max(upto, life.acknowledged), min(wanting, default=upto + 1) - 1)
        life.acknowledged = upto
        bitmap = 0
        for serial in events:
            if 0 <= (place := serial - upto - 1) < BITMAP_BITS and serial not in wanting:
                bitmap |= 1 << place
        return upto, bitmap

    def _is_safe(self, node: str, serial: int) -> bool:
        incident = self._incident_of.get((node, serial))
        if self._unsettled.get((node, serial), ("", GIVEN_UP))[1] != GIVEN_UP:
            return False  # let go of, it would not come again once it can be evidence
        return incident is not None and (not incident or self._handover.is_safe(incident))

    def _raise(self, node: str, life: Life, local: LocalFault) -> None:
        try:
            self._tell(node, life, local)
        except Exception:
            # A defect of ours on one fault must not cost us the rest of the set, which does not come again.
            self._on_defect()
            log.exception("fault of an agent not told", extra={"node": node, "kind": local.kind.value})

    def _tell(self, node: str, life: Life, local: LocalFault) -> None:
        vm = self._vm_of(local.vm_uid) if local.vm_uid else None
        if vm is not None and not vm.report:
            self._incident_of[node, local.serial] = ""
            return
        if self._must_wait(node, local, whereabouts(vm, node)):
            return
        try:
            fault = fault_of(local, node, life.beat.boot_id, self._clock.now(), self._vm_of)
        except BadFault as bad:
            self._refuse(node, life, local, bad)
            return
        known = self._book.open_incident(fault.resource, fault.kind)
        if known is None and not self._allowance.has(node):
            self._hold(node, life)
            return
        incident = self._teller.raise_fault(fault, local.episode)
        if known is None and incident is not None:
            self._allowance.take(node)
        self._incident_of[node, local.serial] = incident.id if incident is not None else ""
        if incident is not None and not local.is_event:
            self._states.add(incident.id)

    def _hold(self, node: str, life: Life) -> None:
        """It made too many: that is told once, and the rest as time allows. Nothing of it is acknowledged till then."""
        if node in self._held:
            return
        self._held.add(node)
        fault = overflow_fault(node, life.beat.boot_id, self._clock.now())
        if self._book.open_incident(fault.resource, fault.kind) is None:
            self._teller.raise_fault(fault)

    def _must_wait(self, node: str, local: LocalFault, where: Whereabouts) -> bool:
        """Whether a death cannot be told yet. One that can, and proves nothing yet, is told and looked at again."""
        key, now = (node, local.serial), self._clock.monotonic()
        arriving = where is Whereabouts.ARRIVING
        doubtful = arriving or (bool(local.proof) and where in {Whereabouts.UNKNOWN, Whereabouts.LEAVING})
        if local.kind not in PROOF_KINDS or not local.vm_uid or not doubtful:
            self._unsettled.pop(key, None)
            return False
        uid, since = self._unsettled.get(key, ("", now))
        since = since if uid == local.vm_uid else now
        self._unsettled[key] = local.vm_uid, since
        if now - since >= (ARRIVAL_SECONDS if arriving else PROOF_SECONDS):
            # It is kept in mind, so as not to begin anew, and is acknowledged.
            self._unsettled[key] = local.vm_uid, GIVEN_UP
            return False
        return arriving

    def _drop_unsettled(self, node: str, but: set[int]) -> None:
        for key in [key for key in self._unsettled if key[0] == node and key[1] not in but]:
            del self._unsettled[key]

    def _refuse(self, node: str, life: Life, local: LocalFault, bad: BadFault) -> None:
        """It would not get better by being said again."""
        self._incident_of[node, local.serial] = ""
        start, serials = self._refused.get(node, (0, set()))
        if start != life.beat.incarnation:
            start, serials = self._refused[node] = life.beat.incarnation, set()
        if local.serial not in serials and len(serials) < REFUSED_KEPT:
            serials.add(local.serial)
            self._on_refused(node)
            log.warning("fault of an agent refused", extra={"node": node, "reason": str(bad)})

    def _judge(self, incident: Incident, life: Life | None) -> None:
        fault = incident.fault
        if life is None or fault.kind in SENTINELS_OWN or not self._is_fresh(life):
            return
        if fault.resource.kind == COMPONENT_KIND:
            if not fault.resource.name.startswith(f"{life.beat.node}/"):
                return
            if fault.resource.uid != life.beat.boot_id:
                self._clear(incident, "the hypervisor was restarted")
                return
        elif fault.resource.kind != VM_KIND or fault.kind not in VM_STATES or fault.node != life.beat.node:
            return
        if life.generation is None or life.untold or not life.whole or life.looking_since is None:
            return
        if self._clock.monotonic() - life.looking_since < SETTLE_SECONDS:
            return
        if fault.kind is FaultKind.AGENT_OVERFLOW and life.beat.node in self._held:
            return
        if fault.kind in PERHAPS_EVENTS and incident.id not in self._states:
            return
        if not any(_is_about(local, incident, life.beat.node) for local in life.faults):
            self._clear(incident, "the agent does not see it any more")

    def _is_fresh(self, life: Life) -> bool:
        return self._lives.is_fresh(life.beat.node, self._clock.monotonic(), FRESH_SECONDS)

    def _clear(self, incident: Incident, message: str) -> None:
        self._states.discard(incident.id)
        self._teller.clear_incident(incident, message)


def _is_about(local: LocalFault, incident: Incident, node: str) -> bool:
    fault = incident.fault
    if local.kind is not fault.kind:
        return False
    if local.vm_uid:
        return local.vm_uid == fault.resource.uid
    return f"{node}/{local.component}" == fault.resource.name
