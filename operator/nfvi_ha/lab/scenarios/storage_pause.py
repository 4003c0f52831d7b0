"""KubeVirt freezes a VM on a storage I/O error: the VIM is told, the VM stays."""

from typing import Final

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject
from nfvi_ha.lab.scenarios.scenario import Scenario


async def _inject(faults: Faults, vmi: JsonObject) -> Injection:
    return await faults.pause_on_io_error(vmi)


async def _restore(faults: Faults, vmi: JsonObject) -> Injection:
    return await faults.resume(vmi)


SCENARIO: Final = Scenario(
    name="storage-pause",
    summary="One VM is paused on an I/O error: the VIM is told, and nothing replaces the VM.",
    inject=_inject,
    notified=("vm.paused",),
    replaced=False,
    forbidden=("vm.failed",),
    restore=_restore,
    vm_lives=True,
)
