"""A VMI that somebody deletes has not failed; the VNF still gets its number of VMs back."""

from typing import Final

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject
from nfvi_ha.lab.scenarios.scenario import Scenario


async def _inject(faults: Faults, vmi: JsonObject) -> Injection:
    return await faults.delete_vmi(vmi)


SCENARIO: Final = Scenario(
    name="vmi-delete",
    summary="One VMI is deleted: no vm.failed, and the VM is replaced.",
    inject=_inject,
    notified=(),
    replaced=True,
    forbidden=("vm.failed",),
)
