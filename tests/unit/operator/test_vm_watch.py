"""From a change to a fault: what is told at once, what is held against a fresh read, what is told never."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.views import NodeView, PodView, VmView
from nfvi_ha.kube.errors import NotFound, Unavailable
from nfvi_ha.operator.freshness import NodeFreshness
from nfvi_ha.operator.vm_watch import (
    MESSAGE_ENDED,
    MESSAGE_LIVES_ON,
    MESSAGE_REMOVED,
    MESSAGE_SUCCESSOR,
    VmWatch,
)
from nfvi_ha.operator.world import World
from nfvi_ha.reporting.clock import Clock

from .conftest import Time

T0 = datetime(2026, 1, 1, tzinfo=UTC)
UID, POD_UID = "vm-uid", "pod-uid"


def vm_object(phase: str = "Running", *, deleting: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "fw-0-1", "namespace": "tenant", "uid": UID}
    if deleting:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:09Z"
    status = {"phase": phase, "nodeName": "worker-1", "activePods": {POD_UID: "worker-1"}}
    return {"metadata": metadata, "status": status}


def pod_object() -> dict[str, Any]:
    labels = {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": UID}
    metadata = {"name": "p", "namespace": "tenant", "uid": POD_UID, "labels": labels}
    return {"metadata": metadata, "spec": {"nodeName": "worker-1"}, "status": {"phase": "Running"}}


RUNNING = VmView(
    uid=UID,
    namespace="tenant",
    name="fw-0-1",
    phase="Running",
    node="worker-1",
    ready=True,
    ready_since=T0 + timedelta(seconds=2),
    phase_times=(("Scheduled", T0), ("Running", T0 + timedelta(seconds=1))),
    phase_writer="virt-handler",
    active_pods=((POD_UID, "worker-1"),),
)
POD = PodView(
    uid=POD_UID, namespace="tenant", name="p", vmi_uid=UID, vmi_name="fw-0-1", node="worker-1", phase="Running"
)


class Server:
    """Answers the fresh reads."""

    def __init__(self, vm: dict[str, Any] | Exception, pods: list[dict[str, Any]] | None = None) -> None:
        self.vm, self.pods, self.reads = vm, pods or [], 0
        self.stuck = False

    async def get(self, *_: object) -> dict[str, Any]:
        self.reads += 1
        if self.stuck:
            await asyncio.Event().wait()
        if isinstance(self.vm, Exception):
            raise self.vm
        return self.vm

    async def list(self, *_: object, label_selector: str) -> list[dict[str, Any]]:
        assert label_selector == f"kubevirt.io/created-by={UID}"
        return self.pods


class Told:
    """Stands for the reporter: keeps the book as it does, and what was told."""

    def __init__(self, book: IncidentBook) -> None:
        self.book = book
        self.raised: list[Fault] = []
        self.cleared: list[str] = []

    def raise_fault(self, fault: Fault, _: float) -> None:
        if self.book.raise_fault(fault) is not None:
            self.raised.append(fault)

    def clear(self, incident: str, message: str) -> None:
        if self.book.clear(incident, T0, message) is not None:
            self.cleared.append(message)


class Scene:
    def __init__(self, clock: Clock, server: Server | None = None, *, leads: bool = True, ready: bool = True) -> None:
        self.world = World(NodeFreshness())
        self.book = IncidentBook()
        self.told = Told(self.book)
        self.server = server or Server(vm_object())
        self.tasks: list[asyncio.Task[None]] = []
        self.clock = clock
        self.watch = VmWatch(
            world=self.world,
            book=self.book,
            reporter=self.told,  # type: ignore[arg-type]
            client=self.server,  # type: ignore[arg-type]
            clock=clock,
            leading=lambda: leads,
            ready=lambda: ready,
            spawn=self._spawn,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def see(self, vm: VmView, *pods: PodView) -> None:
        self.world.put_vm(self.world.vms.get(vm.uid), vm)
        for pod in self.world.pods_of(vm.uid):
            self.world.put_pod(pod, None)
        for pod in pods:
            self.world.put_pod(None, pod)
        self.watch.judge(vm.uid, self.clock.monotonic())

    async def settle(self) -> None:
        await asyncio.gather(*self.tasks)

    def causes(self) -> list[str]:
        return [fault.cause for fault in self.told.raised]


FAILED = replace(RUNNING, phase="Failed", phase_times=(*RUNNING.phase_times, ("Failed", T0 + timedelta(seconds=9))))


async def test_virt_handlers_word_is_told_at_once_without_asking_anybody(clock: Clock) -> None:
    scene = Scene(clock)
    scene.world.freshness.heard("worker-1", clock.monotonic())
    scene.see(FAILED, POD)
    assert scene.causes() == ["QemuCrashed"]
    assert scene.told.raised[0].evidence is not None
    assert scene.server.reads == 0


async def test_nothing_is_judged_before_everything_was_seen_once(clock: Clock) -> None:
    scene = Scene(clock, ready=False)
    scene.see(RUNNING)
    assert scene.tasks == []
    assert scene.causes() == []


async def test_a_pod_that_seems_gone_is_told_after_a_fresh_read_says_so(clock: Clock) -> None:
    scene = Scene(clock, Server(vm_object()))
    scene.see(RUNNING)
    assert scene.causes() == [], "not before the fresh read"
    await scene.settle()
    assert scene.causes() == ["PodGone"]
    assert scene.told.raised[0].confidence == "low"


@pytest.mark.parametrize(
    "server",
    [
        Server(vm_object(deleting=True)),
        Server(vm_object("Succeeded")),
        Server(NotFound(404, "NotFound", "gone")),
        Server(vm_object(), [pod_object()]),
    ],
    ids=["deleted", "shut down", "gone", "the pod is there"],
)
async def test_what_the_fresh_read_explains_is_no_fault(clock: Clock, server: Server) -> None:
    scene = Scene(clock, server)
    scene.see(RUNNING)
    await scene.settle()
    assert scene.causes() == []


async def test_if_the_api_server_does_not_answer_the_fault_is_told_all_the_same(clock: Clock) -> None:
    scene = Scene(clock)
    scene.server.stuck = True
    scene.see(RUNNING)
    await asyncio.wait_for(scene.settle(), 5.0)
    assert scene.causes() == ["PodGone"]


async def test_if_the_api_server_is_away_the_fault_is_told_all_the_same(clock: Clock) -> None:
    scene = Scene(clock, Server(Unavailable(0, "Unavailable", "refused")))
    scene.see(RUNNING)
    await scene.settle()
    assert scene.causes() == ["PodGone"]


@pytest.mark.parametrize("caught_up", ["the pod came", "the VM went"])
async def test_what_the_watches_explain_meanwhile_is_no_fault_though_nobody_answers(
    clock: Clock, caught_up: str
) -> None:
    scene = Scene(clock)
    scene.server.stuck = True
    # As seen by a replica that was suspended: the VM of now, the pods of then.
    scene.see(RUNNING)
    if caught_up == "the pod came":
        scene.see(RUNNING, POD)
    else:
        scene.world.put_vm(RUNNING, None)
    await asyncio.wait_for(scene.settle(), 5.0)
    assert scene.causes() == []


async def test_many_changes_of_one_vm_make_one_fresh_read(clock: Clock) -> None:
    scene = Scene(clock)
    for _ in range(5):
        scene.see(RUNNING)
    await scene.settle()
    assert scene.server.reads == 1
    assert scene.causes() == ["PodGone"]


async def test_only_the_leader_clears(clock: Clock) -> None:
    paused = replace(RUNNING, paused_reason="PausedIOError")
    for leads, cleared in ((True, 1), (False, 0)):
        scene = Scene(clock, leads=leads)
        scene.see(paused, POD)
        scene.see(RUNNING, POD)
        assert scene.causes() == ["PausedIOError"]
        assert len(scene.told.cleared) == cleared


async def test_a_foreign_vms_failure_is_over_when_its_successor_is_ready(clock: Clock) -> None:
    scene = Scene(clock)
    scene.see(FAILED, POD)
    scene.world.put_vm(FAILED, None)
    scene.watch.clear_vm(FAILED)
    assert scene.told.cleared == [], "a failure is not over because its traces are gone"
    successor = replace(RUNNING, uid="other", active_pods=(("other-pod", "worker-1"),))
    scene.see(successor, replace(POD, uid="other-pod", vmi_uid="other"))
    assert scene.told.cleared == ["a VM of the same name is ready"]


async def test_a_foreign_vms_failure_is_over_when_nothing_replaces_it(clock: Clock, time: Time) -> None:
    scene = Scene(clock)
    scene.see(FAILED, POD)
    scene.world.put_vm(FAILED, None)
    time.forward(10.0)
    scene.watch.clear_gone()
    assert scene.told.cleared == ["the VM was removed and nothing replaces it"]


async def test_an_end_that_a_pod_showed_once_stays_proven_when_the_pod_is_gone(clock: Clock) -> None:
    scene = Scene(clock)
    scene.world.freshness.heard("worker-1", clock.monotonic())
    # Deleted after it was handed over to virt-handler and before qemu was started: nobody but the kubelet saw the end.
    leaving = replace(RUNNING, phase="Scheduled", phase_times=RUNNING.phase_times[:1], ready=False, deleting_since=T0)
    scene.see(leaving, POD)
    assert scene.watch.evidence(leaving) is None
    scene.see(leaving, replace(POD, phase="Succeeded", compute_exit_code=0, status_writer="kubelet"))
    failed = replace(leaving, phase="Failed", phase_writer="virt-controller")
    scene.see(failed)
    proof = scene.watch.evidence(failed)
    assert proof is not None
    assert proof.source == "kubelet@worker-1"
    assert scene.causes() == []

    scene.world.put_vm(failed, None)
    scene.watch.forget(failed)
    assert scene.watch.evidence(failed) is None


async def test_a_fault_is_there_as_long_as_it_is_seen(clock: Clock) -> None:
    scene = Scene(clock, leads=False)
    scene.see(replace(RUNNING, paused_reason="PausedIOError"), POD)
    (paused,) = scene.book
    assert scene.watch.is_there(paused)
    scene.see(RUNNING, POD)
    assert not scene.watch.is_there(paused)


async def test_a_failed_vm_that_left_the_api_did_fail(clock: Clock) -> None:
    scene = Scene(clock, leads=False)
    scene.see(FAILED, POD)
    (failed,) = scene.book
    scene.world.put_vm(FAILED, None)
    assert scene.watch.is_there(failed)


def sentinels_word(
    scene: Scene,
    *,
    kind: FaultKind = FaultKind.VM_FAILED,
    uid: str = UID,
    vnf: str = "",
    proven: bool = False,
    parent: str = "",
    seconds: float = -60.0,
) -> Incident:
    """A sentinel's record arrives, as the watch on Incidents hands it in."""
    fault = Fault(
        kind=kind,
        resource=ResourceRef("VirtualMachineInstance", "tenant", "fw-0-1", uid),
        cause="QemuKilled",
        message="the process ended",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        detected_at=scene.clock.now() + timedelta(seconds=seconds),
        node="worker-1",
        vnf=vnf,
        evidence=Evidence(EvidenceKind.PROCESS_GONE, "agent@worker-1", "pid 7 reaped", T0) if proven else None,
        parent=parent,
    )
    raised = IncidentBook().raise_fault(fault)
    assert raised is not None
    scene.book.learn(raised[0])
    scene.watch.learned(raised[0])
    return raised[0]


async def test_an_agents_word_covers_a_vm_that_the_api_still_shows_as_running(clock: Clock) -> None:
    scene = Scene(clock)
    scene.see(RUNNING, POD)
    assert scene.watch.evidence(RUNNING) is None
    sentinels_word(scene, proven=True)
    found = scene.watch.evidence(RUNNING)
    assert found is not None
    assert found.source == "agent@worker-1"
    assert scene.causes() == []
    assert scene.told.cleared == []


async def test_an_agents_word_covers_no_vm_that_runs_on_another_node(clock: Clock) -> None:
    """The target of a migration that failed ends beside the VM that lives on at the source."""
    scene = Scene(clock)
    living = replace(RUNNING, node="worker-2", active_pods=())
    scene.see(living)
    sentinels_word(scene, proven=True)
    assert scene.watch.evidence(living) is None


async def test_the_failed_phase_that_follows_an_agents_word_is_no_second_failure(clock: Clock) -> None:
    scene = Scene(clock)
    scene.see(RUNNING, POD)
    told = sentinels_word(scene, proven=True)
    scene.world.freshness.heard("worker-1", clock.monotonic())
    scene.see(FAILED, POD)
    assert scene.causes() == []
    assert [incident.id for incident in scene.book] == [told.id]


async def test_a_stuck_vm_is_mended_by_the_word_of_its_agent_not_by_ready(clock: Clock) -> None:
    scene = Scene(clock)
    scene.see(RUNNING, POD)
    sentinels_word(scene, kind=FaultKind.VM_STUCK)
    scene.see(replace(RUNNING, resource_version="9"), POD)
    assert scene.told.cleared == []
    scene.world.freshness.heard("worker-1", clock.monotonic())
    scene.see(FAILED, POD)
    assert scene.told.cleared == [MESSAGE_ENDED]


async def test_a_strangers_vm_that_failed_and_was_removed_is_cleared(clock: Clock) -> None:
    scene = Scene(clock)
    sentinels_word(scene, proven=True)
    scene.watch.clear_gone()
    assert scene.told.cleared == [MESSAGE_REMOVED]


async def test_a_vm_that_no_watch_has_shown_yet_is_not_taken_for_removed(clock: Clock) -> None:
    scene = Scene(clock)
    sentinels_word(scene, proven=True, seconds=-1.0)
    scene.watch.clear_gone()
    assert scene.told.cleared == []


async def test_a_strangers_vm_that_was_started_anew_before_its_record_came_is_cleared(clock: Clock) -> None:
    scene = Scene(clock)
    scene.see(RUNNING, POD)
    sentinels_word(scene, uid="the-one-before", proven=True)
    assert scene.told.cleared == [MESSAGE_SUCCESSOR]


class LostHost:
    """A hypervisor's failure with one VM on it, and what was seen since."""

    def __init__(self, clock: Clock, time: Time) -> None:
        self.scene, self.clock, self.time = Scene(clock), clock, time
        self.scene.see(RUNNING, POD)
        self.scene.world.nodes["worker-1"] = NodeView("worker-1", boot_id="boot-1")
        resource = ResourceRef("Hypervisor", "", "worker-1", "boot-1")
        fault = Fault(
            FaultKind.HYPERVISOR_FAILED, resource, "Silent", "", Severity.CRITICAL, Confidence.HIGH, clock.now()
        )
        raised = self.scene.book.raise_fault(fault)
        assert raised is not None
        self.host = raised[0].id
        self.vm = sentinels_word(self.scene, parent=self.host, vnf="fw").id

    def returns(self, *, after: float = 31.0) -> None:
        self.scene.book.clear(self.host, self.clock.now(), "beats are heard again")
        self.time.forward(after)
        self.scene.world.freshness.heard("worker-1", self.clock.monotonic())
        self.scene.watch.clear_survivors()


async def test_a_vm_that_outlived_the_silence_of_its_host_is_cleared_though_it_was_held(
    clock: Clock, time: Time
) -> None:
    lost = LostHost(clock, time)
    lost.scene.book.act(lost.vm, Step("recovery.held", clock.now(), outcome="Held"))
    lost.scene.watch.clear_survivors()
    assert lost.scene.told.cleared == [], "its host is still away"
    lost.returns()
    assert lost.scene.told.cleared == [MESSAGE_LIVES_ON]


async def test_a_vm_is_not_believed_to_live_right_after_its_host_is_back(clock: Clock, time: Time) -> None:
    lost = LostHost(clock, time)
    lost.returns(after=5.0)
    assert lost.scene.told.cleared == []


async def test_a_vm_of_a_host_that_rebooted_did_not_live_on(clock: Clock, time: Time) -> None:
    lost = LostHost(clock, time)
    lost.scene.world.nodes["worker-1"] = NodeView("worker-1", boot_id="boot-2")
    lost.returns()
    assert lost.scene.told.cleared == []


async def test_a_vm_with_evidence_of_its_end_did_not_live_on(clock: Clock, time: Time) -> None:
    lost = LostHost(clock, time)
    sentinels_word(lost.scene, parent=lost.host, proven=True)
    lost.returns()
    assert lost.scene.told.cleared == []
