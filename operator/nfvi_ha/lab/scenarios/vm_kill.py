"""H2, H8: the VM's process is killed with SIGKILL."""

from typing import Final

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject
from nfvi_ha.lab.scenarios.scenario import Scenario


async def _inject(faults: Faults, vmi: JsonObject) -> Injection:
    return faults.kill_vm(vmi)


SCENARIO: Final = Scenario(
    name="vm-kill",
    summary="SIGKILL to one VM's process: the VIM is told, and the VM is replaced.",
    inject=_inject,
    notified=("vm.failed",),
    replaced=True,
)
