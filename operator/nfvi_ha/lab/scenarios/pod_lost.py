"""Invariant 1: a launcher pod that vanishes from the API proves nothing; it is reported and nothing replaces its VM."""

from typing import Final

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject
from nfvi_ha.lab.scenarios.scenario import Scenario


async def _inject(faults: Faults, vmi: JsonObject) -> Injection:
    return await faults.delete_pod(vmi, force=True)


async def _restore(faults: Faults, vmi: JsonObject) -> Injection:
    return await faults.release(vmi)


SCENARIO: Final = Scenario(
    name="pod-lost",
    summary="One launcher pod is deleted by force: the VIM is told, and without evidence nothing takes the VM's place.",
    inject=_inject,
    notified=("vm.failed", "vm.unready"),
    replaced=False,
    restore=_restore,
    fresh_vnf=True,
)
