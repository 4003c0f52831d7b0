"""The numbers that verdicts are reached by. All times in seconds of the seat's own monotonic clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VerdictPolicy:
    """Defaults are those of DESIGN section 4. HAPolicy may change them; whoever builds this checks the ranges."""

    suspect_seconds: float = 0.35
    """Silence on all networks that makes a hypervisor suspect: three beats missed."""
    suspect_slow_seconds: float = 0.5
    """The same for an agent without real-time scheduling, or that says it is slow."""
    confirm_seconds: float = 0.2
    """From suspicion to the verdict: the time that probes and votes have. With two ticks it stays below 0.25."""
    alone_seconds: float = 0.35
    """From suspicion until a seat that nobody answers speaks for itself, with confidence low."""
    revote_seconds: float = 0.1
    """Votes and probes are repeated this often while something hangs on them."""
    quiet_seconds: float = 1.0
    """Votes and probes are repeated this often once the verdict is reached."""
    vote_life_seconds: float = 0.35
    """A vote older than this decides nothing: its seat may have died with the host."""
    quiet_vote_life_seconds: float = 2.5
    """The same where votes come at the quiet pace."""
    proof_life_seconds: float = 0.35
    """A host that only probes reach is suspect again after this long without an answer."""
    warm_up_seconds: float = 3.0
    """A seat that has just started judges nothing."""
    abstain_seconds: float = 0.2
    """After a stall of its own loop a seat judges nothing for two beat periods."""
    stall_seconds: float = 0.1
    """Two ticks further apart than this: the loop stood still."""
    return_seconds: float = 1.0
    """Beats must be steady for so long before a fault is cleared."""
    service_return_seconds: float = 30.0
    """So long must a failed host accept connections, its agent silent, before it counts as AgentLost: when a host
    boots, sshd and kubelet serve long before its agent's container runs."""
    network_seconds: float = 0.25
    """Added to the suspicion time: silence on one network only that makes it dark."""
    seat_overlap_seconds: float = 3.0
    """Two incarnations of a seat heard within this long void its vote."""
    mass_window_seconds: float = 10.0
    mass_minimum: int = 3
    mass_fraction: float = 0.10
    min_healthy: float = 0.51
    """More than min(max(mass_minimum, mass_fraction N), N - ceil(min_healthy N)) down in the window: mass failure."""
    goodbye_upgrade_seconds: float = 10.0
    """The longest absence that a GOODBYE(upgrade) or (stop) excuses."""
    goodbye_reboot_seconds: float = 300.0
    peers: int = 3
    """Healthy hypervisors that are asked to probe a suspect one."""
    departed_seconds: float = 60.0
    """A hypervisor that left the roster is remembered this long: a roster may be wrong for a moment."""
    networks: tuple[str, ...] = ()
    """Names of the networks by their index in beats; a hypervisor's own list goes before it."""
