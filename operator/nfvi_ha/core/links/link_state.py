"""How a link is, with a second of patience before one that was down counts as up again."""

from enum import StrEnum
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.links.decision import Finding

RESTORE_SECONDS: Final = 1.0
"""A link, a target or a path that comes and goes within this time was never back."""


class LinkState(StrEnum):
    """The value is the cause of a fault."""

    UP = "Up"
    NO_CARRIER = "NoCarrier"
    SET_DOWN = "SetDown"
    """Somebody set it down: ``ip link set eth0 down``."""
    GONE = "Gone"
    """The interface, or the adapter, is not there any more, or left its bond."""
    BOND_DOWN = "BondDown"
    """It has a carrier, but its bond's ARP or MII monitor holds it for down: what goes in does not come out."""
    NOT_AGGREGATED = "NotAggregated"
    """802.3ad: its peer does not speak LACP with it, or it is in another aggregator than the one in use."""


_SAYS: Final = {
    LinkState.UP: "is up",
    LinkState.NO_CARRIER: "has no carrier",
    LinkState.SET_DOWN: "was set down",
    LinkState.GONE: "is gone",
    LinkState.BOND_DOWN: "gets no answers (bond)",
    LinkState.NOT_AGGREGATED: "is not aggregated (LACP)",
}


class LinkWatch:
    """One interface. It is lost as soon as it is seen so, and back when it was up for a second."""

    def __init__(self, name: str, *, expected: bool) -> None:
        self.name = name
        self.state = LinkState.UP
        """As seen last."""
        self._expected = expected
        """Whether it ought to be up; one that was up once ought to be."""
        self._lost: LinkState | None = None
        self._up_since = 0.0

    def sees(self, state: LinkState, now: float) -> None:
        """It is so now."""
        if state is LinkState.UP:
            self._expected = True
            if self.state is not LinkState.UP:
                self._up_since = now
        elif self._expected:
            self._lost = state
        self.state = state

    def lost(self, now: float) -> LinkState | None:
        """Why it does not count as up; None if it does, or if nobody expects it to."""
        if self._lost is not None and self.state is LinkState.UP and now - self._up_since >= RESTORE_SECONDS:
            self._lost = None
        return self._lost

    @property
    def settling(self) -> bool:
        """Whether time alone may change what ``lost`` says."""
        return self._lost is not None and self.state is LinkState.UP

    def says(self) -> str:
        """For people: "eth0 has no carrier"."""
        return f"{self.name} {_SAYS[self._lost or self.state]}"

    def finding(self, now: float) -> Finding | None:
        """The fault link.down, while it is lost. One that somebody set down is a warning: it was meant."""
        lost = self.lost(now)
        if lost is None:
            return None
        severity = Severity.WARNING if lost is LinkState.SET_DOWN else Severity.MAJOR
        return Finding(FaultKind.LINK_DOWN, f"link/{self.name}", lost.value, severity, self.says())
