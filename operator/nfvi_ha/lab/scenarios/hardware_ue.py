"""M5: a DIMM of a hypervisor has an uncorrected error."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.host_hardware import uncorrected_error, wait_watched
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    directory = session.access.hosts.directory(hit.node)
    await wait_watched(hit.node, directory)
    injection, hit.notes["component"] = uncorrected_error(hit.node, directory)
    return injection


SCENARIO: Final = HostScenario(
    name="hardware-ue",
    summary="An uncorrected memory error on a hypervisor: hardware.failed with its DIMM, and no VM is told as failed.",
    inject=_inject,
    words=(Word("hardware.failed", "HypervisorComponent/{node}/{component}", cause="MemoryUncorrected"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
)
