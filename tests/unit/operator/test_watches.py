"""What a change of an object sets going, and what does not."""

from dataclasses import replace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.core.views import NodeView, OwnerView, PodView, VmView
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.operator.freshness import NodeFreshness
from nfvi_ha.operator.watches import Reactions, Watches
from nfvi_ha.operator.world import World

VM = VmView(
    uid="vm-uid",
    namespace="tenant",
    name="fw-0-1",
    resource_version="1",
    owner=OwnerView("nfvi-ha.io/v1alpha1", "VNFReplicaSet", "fw", "set-uid"),
    phase="Running",
    node="worker-1",
    ready=True,
)
POD = PodView(uid="pod-uid", namespace="tenant", name="p", vmi_uid="vm-uid", vmi_name="fw-0-1", node="worker-1")


class Scene:
    """Watches whose informers never run; changes are handed in."""

    def __init__(self) -> None:
        self.judged: list[str] = []
        self.reconciled: list[tuple[str, str]] = []
        self.counted: list[int] = []
        self.world = World(NodeFreshness())
        reactions = Reactions(
            judge=lambda uid, _: self.judged.append(uid),
            vm_gone=lambda _: None,
            judge_node=lambda *_: None,
            reconcile=self.reconciled.append,
            nodes_changed=lambda: self.counted.append(len(self.world.nodes)),
            read_incident=lambda _: None,
            incident=lambda *_: None,
            secrets_changed=lambda: None,
        )
        self.watches = Watches(cast("Any", None), self.world, "nfvi-ha-system", reactions, CollectorRegistry())

    def vm(self, old: VmView | None, new: VmView | None) -> None:
        self.watches._vm(Change("MODIFIED" if old else "ADDED", old, new, 1.0, synthetic=False))

    def pod(self, old: PodView | None, new: PodView | None) -> None:
        self.watches._pod(Change("MODIFIED" if old else "ADDED", old, new, 1.0, synthetic=False))


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_a_write_that_changes_nothing_we_read_is_stored_and_sets_nothing_going(scene: Scene) -> None:
    scene.vm(None, VM)
    scene.pod(None, POD)
    assert (scene.judged, scene.reconciled) == (["vm-uid", "vm-uid"], [("tenant", "fw"), ("tenant", "fw")])
    scene.vm(VM, replace(VM, resource_version="2"))
    scene.pod(POD, replace(POD, resource_version="7"))
    assert len(scene.judged) == len(scene.reconciled) == 2
    assert scene.world.vms["vm-uid"].resource_version == "2"
    assert [pod.resource_version for pod in scene.world.pods_of("vm-uid")] == ["7"]


async def test_every_change_that_we_read_is_judged_and_planned_for(scene: Scene) -> None:
    scene.vm(None, VM)
    scene.vm(VM, replace(VM, resource_version="2", ready=False))
    scene.pod(POD, replace(POD, resource_version="3", compute_exit_code=137))
    assert scene.judged == ["vm-uid"] * 3
    assert scene.reconciled == [("tenant", "fw")] * 4, "old and new view of the VM may belong to two sets"


async def test_nodes_are_counted_anew_when_one_comes_goes_or_has_other_labels_only(scene: Scene) -> None:
    def see(old: NodeView | None, new: NodeView | None) -> None:
        scene.watches._node(Change("MODIFIED" if old else "ADDED", old, new, 1.0, synthetic=False))

    plain, ready = NodeView("worker-1"), NodeView("worker-1", ready=True)
    labelled = NodeView("worker-1", ready=True, labels=(("rack", "a"),))
    see(None, plain)
    see(plain, ready)
    assert len(scene.counted) == 1
    see(ready, labelled)
    see(labelled, None)
    assert len(scene.counted) == 3
