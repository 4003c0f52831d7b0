"""Was a VM's end asked for? A table."""

from dataclasses import replace

import pytest

from nfvi_ha.core.vmprocess.facts import Knowledge, LauncherFacts, Migration, VmFacts
from nfvi_ha.core.vmprocess.intent import intended

HERE, THERE = "worker-1", "worker-2"
VM = VmFacts("u", "default", "web-0", HERE, "Running")
OUT = Migration(HERE, THERE)
IN = Migration(THERE, HERE)
POD = LauncherFacts("p", "u")


@pytest.mark.parametrize(
    ("vm", "launcher", "synced", "reason"),
    [
        (VM, POD, True, ""),
        (VM, None, True, ""),
        (replace(VM, deleting=True), POD, True, "Deleted"),
        (replace(VM, deleting=True), POD, False, "Deleted"),
        (replace(VM, gone=True), POD, True, "Deleted"),
        (replace(VM, report=False), POD, True, "ReportFalse"),
        (replace(VM, phase="Succeeded"), POD, True, "ShutDown"),
        (replace(VM, phase="Failed"), POD, True, ""),
        (replace(VM, phase="Scheduled"), POD, True, ""),
        (VM, replace(POD, deleting=True), True, "LauncherTold"),
        (None, POD, True, "NotInTheApi"),
        (None, POD, False, ""),
        # migrating away
        (replace(VM, migration=OUT), POD, True, ""),
        (replace(VM, migration=replace(OUT, target_ready=True)), POD, True, "MigrationSource"),
        (replace(VM, migration=replace(OUT, completed=True)), POD, True, "MigrationSource"),
        (replace(VM, node=THERE, migration=OUT), POD, True, "MigrationSource"),
        (replace(VM, migration=replace(OUT, failed=True, target_ready=True)), POD, True, ""),
        (replace(VM, migration=replace(OUT, post_copy=True)), POD, True, ""),
        # migrating here
        (replace(VM, node=THERE, migration=IN), POD, True, "MigrationTarget"),
        (replace(VM, node=THERE, migration=replace(IN, post_copy=True)), POD, True, ""),
        (replace(VM, node=HERE, migration=replace(IN, completed=True)), POD, True, ""),
        (replace(VM, node=THERE, migration=Migration(THERE, "worker-3")), POD, True, ""),
    ],
)
def test_intent(vm: VmFacts | None, launcher: LauncherFacts | None, synced: bool, reason: str) -> None:
    assert intended(Knowledge(vm, launcher, synced, 1.0), HERE) == reason


def test_facts_survive_the_disk() -> None:
    vm = replace(VM, migration=OUT, pods=("p", "q"), slot=3, vnf="web")
    assert VmFacts.from_json(vm.to_json()) == vm
    assert VmFacts.from_json(VM.to_json()) == VM
