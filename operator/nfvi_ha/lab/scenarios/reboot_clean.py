"""A hypervisor that is rebooted as planned and is back in time: nobody is told anything."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target


async def _inject(session: Session, hit: Target) -> Injection:
    said = await session.host_faults.shut_down(hit.node)
    await session.host_faults.power_on(hit.node)
    return said


SCENARIO: Final = HostScenario(
    name="reboot-clean",
    summary="A hypervisor without VMs says goodbye, goes down and is back in time: nothing is told.",
    inject=_inject,
    forbidden=("agent.lost", "hypervisor.failed", "hypervisor.unreachable", "vm.failed", "nfvi.mass.failure"),
    quiet_seconds=5.0,
    without_vms=True,
)
