"""H2, H8: virt-launcher is killed; KubeVirt leaves the VMI's phase at Running for 33 to 44 s."""

from typing import Final

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject
from nfvi_ha.lab.scenarios.scenario import Scenario


async def _inject(faults: Faults, vmi: JsonObject) -> Injection:
    return faults.kill_launcher(vmi)


SCENARIO: Final = Scenario(
    name="launcher-kill",
    summary="SIGKILL to one VM's launcher: the kubelet's report is enough to tell the VIM and to replace the VM.",
    inject=_inject,
    notified=("vm.failed",),
    replaced=True,
)
