"""KubeVirt and the kubelets, as far as their writes can be seen (KubeVirt 1.9 source: watch/vmi, virt-handler).

Each wait has a fixed length, so that a scenario always runs the same way.
"""

from collections.abc import Callable

from nfvi_ha.api import names

from .api import Api
from .clock import Clock
from .objects import VIRT_CONTROLLER, VIRT_HANDLER, Node, Pod, Process, Vmi

POD_AFTER, BIND_AFTER, SCHEDULED_AFTER, RUNNING_AFTER = 0.05, 0.1, 0.5, 0.2
BOOT_SECONDS = 2.0
HANDLER_SEES_END = 0.25
KUBELET_SEES_END = 1.5
WATCHDOG_SECONDS = 38.0
"""How long virt-handler takes to notice that a launcher crashed."""
SHUTDOWN_SECONDS = 1.0
FORCED_KILL_AFTER = 2.0
"""How long a kubelet takes to end the containers of a pod that was deleted by force."""
CONTROLLER_AFTER = 0.1
RETRY = 1.0


class KubeVirt:
    def __init__(self, clock: Clock, api: Api, nodes: dict[str, Node], say: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._api = api
        self._nodes = nodes
        self._say = say
        self.controller_up = True
        api.on_created = lambda vmi: clock.later(POD_AFTER, lambda: self._make_pod(vmi))
        api.on_deleting = lambda vmi: clock.later(CONTROLLER_AFTER, lambda: self._end(vmi))

    # Starting

    def _make_pod(self, vmi: Vmi) -> None:
        if vmi.deleting is not None or vmi.final:
            return
        if not self.controller_up:
            self._again(lambda: self._make_pod(vmi))
            return
        pod = Pod(self._api.new_uid(f"pod-{vmi.name}"), f"virt-launcher-{vmi.name}", vmi.uid, vmi.name)
        self._api.pods[pod.uid] = pod
        self._api.changed(pod)
        self._set_phase(vmi, "Scheduling", VIRT_CONTROLLER)
        self._clock.later(BIND_AFTER, lambda: self._bind(vmi, pod))

    def _bind(self, vmi: Vmi, pod: Pod) -> None:
        if pod.uid not in self._api.pods or pod.deleting is not None:
            return
        free = [node for node in self._nodes.values() if node.schedulable]
        if not free:
            self._again(lambda: self._bind(vmi, pod))
            return
        load = {node.name: sum(1 for other in self._api.pods.values() if other.node == node.name) for node in free}
        pod.node = min(free, key=lambda node: (load[node.name], node.name)).name
        self._api.changed(pod)
        self._clock.later(SCHEDULED_AFTER, lambda: self._start(vmi, pod))

    def _start(self, vmi: Vmi, pod: Pod) -> None:
        if pod.uid not in self._api.pods or vmi.deleting is not None or vmi.final:
            return
        if not self._nodes[pod.node].connected or not self.controller_up:
            self._again(lambda: self._start(vmi, pod))
            return
        if pod.deleting is not None:
            self._never_started(vmi, pod)
            return
        pod.phase = "Running"
        self._api.changed(pod)
        vmi.node, vmi.active_pods = pod.node, {pod.uid: pod.node}
        self._set_phase(vmi, "Scheduled", VIRT_CONTROLLER)
        self._clock.later(RUNNING_AFTER, lambda: self._run(vmi, pod))

    def _never_started(self, vmi: Vmi, pod: Pod) -> None:
        """The taint manager deleted the pod before its node could start it."""
        vmi.failed_at = self._clock.now
        self._api.remove_pod(pod)
        self._set_phase(vmi, "Failed", VIRT_CONTROLLER)
        self._say("kubevirt", f"{vmi.name} Failed before it ran, by virt-controller")

    def _run(self, vmi: Vmi, pod: Pod) -> None:
        if vmi.deleting is not None or vmi.final or vmi.uid not in self._api.vmis:
            return
        if not self._nodes[vmi.node].connected:
            self._again(lambda: self._run(vmi, pod))
            return
        vmi.process = Process.ALIVE
        vmi.ready, vmi.ready_reason, vmi.ready_since = False, "GuestNotRunning", self._clock.now
        self._set_phase(vmi, "Running", VIRT_HANDLER)
        self._say("kubevirt", f"{vmi.name} runs on {vmi.node}")
        if vmi.behaviour == "ok":
            self._clock.later(BOOT_SECONDS, lambda: self._become_ready(vmi))
        elif vmi.behaviour == "crash":
            self._clock.later(1.0, lambda: self.kill(vmi))

    def _become_ready(self, vmi: Vmi) -> None:
        if vmi.process is not Process.ALIVE or vmi.phase != "Running" or vmi.behaviour != "ok" or vmi.ready:
            return
        if vmi.deleting is None and self._nodes[vmi.node].connected and self._healthy_pod(vmi):
            self._set_ready(vmi, "")
            self._say("kubevirt", f"{vmi.name} ready")

    # Ending

    def kill(self, vmi: Vmi) -> None:
        """qemu dies."""
        if vmi.process is not Process.ALIVE:
            return
        self._die(vmi)
        self._clock.later(HANDLER_SEES_END, lambda: self._handler_final(vmi, "Failed"))

    def crash_launcher(self, vmi: Vmi) -> None:
        """virt-launcher dies, and qemu with it; only the kubelet notices soon."""
        if vmi.process is not Process.ALIVE:
            return
        self._die(vmi)
        self._clock.later(KUBELET_SEES_END, lambda: self._pods_ended(vmi, 137))
        self._clock.later(WATCHDOG_SECONDS, lambda: self._handler_final(vmi, "Failed"))

    def shut_down(self, vmi: Vmi) -> None:
        """The guest powers itself off."""
        if vmi.process is Process.ALIVE:
            vmi.process = Process.DEAD
            self._clock.later(HANDLER_SEES_END, lambda: self._handler_final(vmi, "Succeeded"))

    def force_delete_pod(self, vmi: Vmi, *, killed: bool) -> None:
        """The pod object is wiped; ``killed`` says whether a kubelet then ends its containers."""
        vmi.disputed = True
        for pod in self._api.pods_of(vmi.uid):
            self._api.remove_pod(pod)
        self._clock.later(CONTROLLER_AFTER, lambda: self._failed_for_want_of_pod(vmi))
        if killed:
            self._clock.later(FORCED_KILL_AFTER, lambda: self.kill(vmi))

    def strip(self, vmi: Vmi) -> None:
        """Somebody wipes the VMI from the API, finalizers and all; qemu knows nothing of it."""
        vmi.disputed = True
        vmi.finalizers.clear()
        if vmi.deleting is None:
            vmi.deleting = self._clock.now
        self._api.sweep(vmi)

    def _die(self, vmi: Vmi) -> None:
        vmi.process = Process.DEAD
        if vmi.deleting is None:
            vmi.failed_at = self._clock.now

    def _handler_final(self, vmi: Vmi, phase: str) -> None:
        if vmi.final or vmi.uid not in self._api.vmis:
            return
        if not self._nodes[vmi.node].connected:
            self._again(lambda: self._handler_final(vmi, phase))
            return
        vmi.disputed |= phase == "Failed" and vmi.failed_at is None
        vmi.ready, vmi.ready_reason, vmi.ready_since = False, "GuestNotRunning", self._clock.now
        self._set_phase(vmi, phase, VIRT_HANDLER)
        self._say("kubevirt", f"{vmi.name} {phase}, by virt-handler")
        self._clock.later(1.0, lambda: self._pods_ended(vmi, 0))

    def _pods_ended(self, vmi: Vmi, code: int) -> None:
        pods = [pod for pod in self._api.pods_of(vmi.uid) if pod.exit_code is None and pod.node]
        if pods and not all(self._nodes[pod.node].connected for pod in pods):
            self._again(lambda: self._pods_ended(vmi, code))
            return
        for pod in pods:
            pod.exit_code, pod.ended, pod.phase = code, self._clock.now, "Failed" if code else "Succeeded"
            self._api.changed(pod)
            if not vmi.final:
                self._say("kubelet", f"{vmi.name} compute terminated, exit code {code}")
        if not vmi.final and vmi.uid in self._api.vmis:
            self._set_ready(vmi, "PodTerminating")

    def _failed_for_want_of_pod(self, vmi: Vmi) -> None:
        if not self.controller_up:
            self._again(lambda: self._failed_for_want_of_pod(vmi))
            return
        if vmi.phase in {"Scheduled", "Running"} and vmi.uid in self._api.vmis:
            vmi.active_pods, vmi.disputed = {}, True
            vmi.ready, vmi.ready_reason, vmi.ready_since = False, "PodNotExists", self._clock.now
            vmi.phase, vmi.phase_writer = "Failed", VIRT_CONTROLLER
            self._api.changed(vmi)
            self._say("kubevirt", f"{vmi.name} Failed, by virt-controller (no pod)")

    def _end(self, vmi: Vmi) -> None:
        """A deletion was asked for."""
        if vmi.final:
            self._collect(vmi)
        elif vmi.node:
            if self._nodes[vmi.node].connected:
                self._clock.later(SHUTDOWN_SECONDS, lambda: self._graceful(vmi))
            else:
                self._again(lambda: self._end(vmi))
        elif self.controller_up:
            for pod in self._api.pods_of(vmi.uid):
                self._api.remove_pod(pod)
            self._set_phase(vmi, "Failed", VIRT_CONTROLLER)
            self._collect(vmi)
        else:
            self._again(lambda: self._end(vmi))

    def _graceful(self, vmi: Vmi) -> None:
        if not self._nodes[vmi.node].connected:
            self._again(lambda: self._graceful(vmi))
            return
        vmi.process = Process.DEAD
        self._handler_final(vmi, "Succeeded")
        self._collect(vmi)

    def _collect(self, vmi: Vmi) -> None:
        """virt-controller deletes the pods of a VMI that is going, and lets go of it when they are gone."""
        if vmi.uid not in self._api.vmis:
            return
        pods = self._api.pods_of(vmi.uid)
        for pod in pods:
            if not pod.node or self._nodes[pod.node].connected:
                self._api.remove_pod(pod)
            elif pod.deleting is None:
                pod.deleting = self._clock.now
                self._api.changed(pod)
        if self._api.pods_of(vmi.uid) or not vmi.final:
            self._again(lambda: self._collect(vmi))
            return
        self._api.drop_finalizer(vmi.uid, names.KUBEVIRT_FINALIZER)

    # Nodes

    def nodes_unknown(self, node: str) -> None:
        """The node controller gave up waiting: pods and VMIs of the node are not Ready."""
        for vmi in [vmi for vmi in self._api.vmis.values() if vmi.node == node and not vmi.final]:
            self._set_ready(vmi, "NodeNotReady")

    def evict(self, node: str) -> None:
        """The taint manager deletes the node's pods; they stay Terminating as long as no kubelet answers."""
        for pod in [pod for pod in self._api.pods.values() if pod.node == node and pod.exit_code is None]:
            pod.deleting = self._clock.now
            self._api.changed(pod)

    def node_back(self, node: str, *, rebooted: bool) -> None:
        """kubelet and virt-handler catch up with what happened meanwhile."""
        for vmi in [vmi for vmi in self._api.all_vmis() if vmi.node == node]:
            pods = self._api.pods_of(vmi.uid)
            if rebooted:
                self._handler_final(vmi, "Failed")
                self._pods_ended(vmi, 137)
            elif vmi.final or any(pod.deleting is not None for pod in pods) or vmi.uid not in self._api.vmis:
                vmi.process = Process.DEAD
                self._handler_final(vmi, "Succeeded")
            else:
                self._clock.later(0.5, lambda vmi=vmi: self._become_ready(vmi))

    # Writing

    def _set_phase(self, vmi: Vmi, phase: str, writer: str) -> None:
        vmi.phase, vmi.phase_writer = phase, writer
        vmi.phase_times.setdefault(phase, self._clock.now)
        self._api.changed(vmi)

    def _set_ready(self, vmi: Vmi, reason: str) -> None:
        """Ready=False for that reason, or True when there is none."""
        if vmi.ready is not (reason == ""):
            vmi.ready_since = self._clock.now
        vmi.ready, vmi.ready_reason = reason == "", reason
        self._api.changed(vmi)

    def _healthy_pod(self, vmi: Vmi) -> bool:
        pods = self._api.pods_of(vmi.uid)
        return bool(pods) and all(pod.exit_code is None and pod.deleting is None for pod in pods)

    def _again(self, what: Callable[[], None]) -> None:
        self._clock.later(RETRY, what)
