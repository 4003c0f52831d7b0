"""What a scenario is: a fault, and what must, and must not, follow."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject

Inject = Callable[[Faults, JsonObject], Awaitable[Injection]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault on one random VM of a VNFReplicaSet, again and again."""

    name: str
    summary: str
    inject: Inject
    notified: tuple[str, ...]
    """Types of notification of which one must come for the VM; empty: none of ``forbidden`` may."""
    replaced: bool
    """Whether a replacement must be created and become Ready."""
    forbidden: tuple[str, ...] = ()
    """Types of which none may come for the VM until the run's end."""
    restore: Inject | None = None
    """Makes the VNF whole again, where nobody else does."""
    fresh_vnf: bool = False
    """Whether each run needs a VNF of its own, because the fault leaves a slot that nobody may fill again."""
    vm_lives: bool = False
    """Whether the VM's process must still run at the run's end."""
    detection: str = "API watch"
    """What detects the fault."""
