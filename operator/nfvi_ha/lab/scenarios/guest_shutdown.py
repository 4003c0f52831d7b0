"""A guest that shuts itself down has not failed; the VNF still gets its number of VMs back."""

from typing import Final

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject
from nfvi_ha.lab.scenarios.scenario import Scenario


async def _inject(faults: Faults, vmi: JsonObject) -> Injection:
    return faults.shut_down_guest(vmi)


SCENARIO: Final = Scenario(
    name="guest-shutdown",
    summary="One guest shuts itself down: no vm.failed, and the VM is replaced.",
    inject=_inject,
    notified=(),
    replaced=True,
    forbidden=("vm.failed",),
)
