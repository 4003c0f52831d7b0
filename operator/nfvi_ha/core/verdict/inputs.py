"""What a seat is told: facts of the roster, results of probes, votes of the other seats."""

from dataclasses import dataclass
from enum import IntFlag, StrEnum


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A hypervisor as the roster knows it."""

    uid: str = ""
    boot_id: str = ""
    """As the API shows it; what beats say goes before it."""
    zone: str = ""
    networks: tuple[str, ...] = ()
    """By their index in beats."""
    governed: bool = True
    """Whether a policy applies to it: only then is it judged."""


class Method(StrEnum):
    """How a probe asked."""

    TCP = "TCP"
    """Connecting to a port that was seen open before (kubelet, sshd)."""
    ICMP = "ICMP"
    UDP = "UDP"
    """UDP echo, answered by the agent's beat process."""


class Outcome(StrEnum):
    """How a probe ended."""

    ACCEPTED = "Accepted"
    ANSWERED = "Answered"
    REFUSED = "Refused"
    """RST, or port unreachable: the kernel said it."""
    SILENT = "Silent"


class Reach(IntFlag):
    """What a seat adds to its opinion; fits one byte.

    The first three: methods by which it, or a peer it asked, has just reached a host whose beats it does not hear.
    """

    NONE = 0
    TCP = 1
    ICMP = 2
    UDP = 4
    LEFT = 8
    """The host said GOODBYE, and its time is not over."""
    PEERS = 32
    """Only peers were served by TCP or UDP, this seat was not."""
    NOBODY = 16
    """This seat hears no hypervisor at all, so it may be the one that is cut off."""


class Opinion(StrEnum):
    """What a seat says of a hypervisor."""

    SILENT = "Silent"
    """Its beats are not heard on any network."""
    REACHABLE = "Reachable"
    """Its beats are heard."""
    ABSTAIN = "Abstain"
    """This seat has just started, or stood still: it cannot tell."""


@dataclass(frozen=True, slots=True)
class Vote:
    """One seat's opinion on one hypervisor, as it came in."""

    seat: int
    incarnation: int
    """The seat's: nanoseconds of its wall clock when it started."""
    sequence: int
    """Grows with each vote of that incarnation."""
    node: str
    boot_id: str
    """The boot the seat heard last; "" when it never heard the hypervisor since it started (no history)."""
    opinion: Opinion
    by: Reach = Reach.NONE
    dark: int = 0
    """Bit n: beats are heard, but not on network n."""
    episode: int = 0
