"""What a probe is: something that looks at one side of the hypervisor for ever."""

from typing import Protocol

from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook


class Probe(Protocol):
    """Puts what it sees into the table and the inventory.

    ``run`` goes on until it is cancelled. An exception ends it: it is counted, logged, and ``run`` is called again
    after a back-off; what the probe had put stays in the table until it says otherwise.
    """

    name: str
    """In metrics and logs, e.g. "vm"."""

    async def run(self, table: FaultTable, inventory: InventoryBook) -> None:
        """Look for ever."""
