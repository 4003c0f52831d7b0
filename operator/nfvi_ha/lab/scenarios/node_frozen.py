"""Invariant 1: a node that fell silent, its pod deleted by force, its VM alive: told, and never replaced."""

from dataclasses import replace
from typing import Final

from nfvi_ha.lab.faults import Faults, Injection
from nfvi_ha.lab.objects import JsonObject
from nfvi_ha.lab.scenarios.scenario import Scenario

SILENT_SECONDS: Final = 90.0


async def _inject(faults: Faults, vmi: JsonObject) -> Injection:
    node = vmi["status"]["nodeName"]
    frozen = faults.freeze_node(node)
    await faults.wait_node_unknown(node, SILENT_SECONDS)
    deleted = await faults.delete_pod(vmi, force=True)
    # The silence is the fault; where nothing but the API tells of it, it shows only after node_grace_seconds.
    return replace(deleted, at=frozen.at, wall=frozen.wall)


async def _restore(faults: Faults, vmi: JsonObject) -> Injection:
    faults.unfreeze_node(vmi["status"]["nodeName"])
    return await faults.release(vmi)


SCENARIO: Final = Scenario(
    name="node-frozen",
    summary="A node freezes, its Lease goes stale, a pod is deleted by force, the VM lives: told, not replaced.",
    inject=_inject,
    notified=("vm.failed", "vm.unready"),
    replaced=False,
    restore=_restore,
    fresh_vnf=True,
    vm_lives=True,
)
