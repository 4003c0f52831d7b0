"""One fault in the table, and how it lies in the spool."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.wire.local_fault import LocalFault


@dataclass(slots=True)
class FaultEntry:
    """A fault with its serial and episode, and who has it on record."""

    key: FaultKey
    observed: Observed
    """``seen_at_ms`` is filled, and stays that of the first sight."""
    is_event: bool
    serial: int
    episode: int
    shown_since: int | None = None
    """Generation of the first set sent that had it in its present form, and each since then; None: not in the set
    that was sent last (there was no room), so no seat can be meant when it says that it has recorded the serial."""
    told: bool = False
    """Some set that was sent had it, in whatever form."""
    recorded_by: set[int] = field(default_factory=set)
    carried_over: bool = False
    """A state from before a restart that no probe has seen again yet."""
    from_before: bool = False
    """It was in the set before this process started."""

    def on_the_wire(self) -> LocalFault:
        """As a beat carries it."""
        seen = self.observed
        return LocalFault(
            serial=self.serial,
            kind=seen.kind,
            cause=seen.cause,
            severity=seen.severity,
            confidence=seen.confidence,
            is_event=self.is_event,
            seen_at_ms=seen.seen_at_ms,
            episode=self.episode,
            component=seen.component,
            vm_uid=seen.vm_uid,
            vm_namespace=seen.vm_namespace,
            vm_name=seen.vm_name,
            vnf=seen.vnf,
            slot=seen.slot,
            proof=seen.proof,
            detail=seen.detail,
        )

    def spooled(self) -> dict[str, Any]:
        """As JSON; who recorded it is asked anew after a restart."""
        return {
            "on": self.key.on,
            "observed": asdict(self.observed),
            "isEvent": self.is_event,
            "serial": self.serial,
            "episode": self.episode,
        }


def restored(value: Mapping[str, Any]) -> FaultEntry:
    """The entry that ``spooled`` wrote.

    Raises:
        KeyError, TypeError, ValueError: it did not write this.
    """
    fields = dict(value["observed"])
    observed = Observed(**fields)
    observed = replace(
        observed,
        kind=FaultKind(observed.kind),
        severity=Severity(observed.severity),
        confidence=Confidence(observed.confidence),
    )
    is_event = bool(value["isEvent"])
    return FaultEntry(
        key=FaultKey(observed.kind, str(value["on"])),
        observed=observed,
        is_event=is_event,
        serial=int(value["serial"]),
        episode=int(value["episode"]),
        carried_over=not is_event,
        from_before=True,
    )
