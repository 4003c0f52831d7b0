"""Scenarios: a list of commands in, a log out. The same commands always give the same log."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from nfvi_ha.core.replicaset.scale import ScaleInPolicy
from nfvi_ha.core.replicaset.spec import BackoffPolicy, ReplicaSetSpec

from .cluster import Cluster
from .objects import NAMESPACE, Process, Vmi
from .operator import Life, Operator
from .script import Script
from .truth import Truth

SCENARIOS = Path(__file__).parent / "scenarios"


class Scenario(Script):
    """Runs commands against a cluster."""

    silent_commands = frozenset({"run", "nodes", "operator"})

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.truth = Truth(self.cluster)
        self.operators: dict[str, Operator] = {}
        self._sets = 0

    def say(self, who: str, what: str) -> None:
        self.cluster.say(who, what)

    def finish(self) -> list[str]:
        self.truth.failures_reported()
        return [*self.cluster.log, *self.summary()]

    # Time and operators

    def do_run(self, seconds: str) -> None:
        """Let time pass."""
        self.cluster.clock.run(float(seconds))

    def do_new_log(self) -> None:
        """Leave out of the log what was so far."""
        self.cluster.log.clear()

    def do_nodes(self, number: str) -> None:
        """How many nodes there are; before anything else."""
        self.cluster = Cluster(int(number))
        self.truth = Truth(self.cluster)

    def do_operator(self, name: str, unguarded: str = "", lag: str = "0.02") -> None:
        """Start an operator: afresh, after a crash too."""
        self.operators[name] = Operator(name, self.cluster, lag=float(lag), guarded=not unguarded)

    def do_crash(self, name: str, after: str = "0") -> None:
        """Crash it now, or after so many more steps."""
        self._end(name, int(after), Life.CRASHED)

    def do_freeze(self, name: str, after: str = "0") -> None:
        """Stop it (as SIGSTOP does) now, or after so many more steps."""
        self._end(name, int(after), Life.FROZEN)

    def do_thaw(self, name: str) -> None:
        """Wake it."""
        self.operators[name].thaw()

    def _end(self, name: str, after: int, fate: Life) -> None:
        operator = self.operators[name]
        if after:
            operator.fuse = (after, fate)
        elif fate is Life.CRASHED:
            operator.crash()
        else:
            operator.life = fate

    # The VNFReplicaSet

    def do_set(self, **values: str) -> None:
        """Create the VNFReplicaSet "web"."""
        self._sets += 1
        spec = ReplicaSetSpec(NAMESPACE, "web", f"set-{self._sets}", 1, replicas=3, template_hash="v1")
        self.cluster.api.put_set(_edited(spec, values))

    def do_edit(self, **values: str) -> None:
        """Change its spec, e.g. replicas=5 paused=true template_hash=v2."""
        spec = self.cluster.spec
        self.cluster.api.put_set(_edited(dataclasses.replace(spec, generation=spec.generation + 1), values))

    def do_template(self, name: str, behaviour: str) -> None:
        """How VMs of a template behave: ok, never-ready, crash, refused."""
        self.cluster.api.behaviours[name] = behaviour

    def do_delete_set(self, how: str) -> None:
        """Delete it: foreground, background or orphan."""
        self.cluster.api.delete_set(how)

    # VMs

    def do_kill(self, vm: str) -> None:
        """SIGKILL its qemu."""
        self.cluster.kubevirt.kill(self._vm(vm))

    def do_crash_launcher(self, vm: str) -> None:
        """Kill its virt-launcher."""
        self.cluster.kubevirt.crash_launcher(self._vm(vm))

    def do_shutdown(self, vm: str) -> None:
        """The guest powers off."""
        self.cluster.kubevirt.shut_down(self._vm(vm))

    def do_delete(self, vm: str) -> None:
        """kubectl delete vmi."""
        self.cluster.api.delete_vmi(vm)

    def do_force_delete_pod(self, vm: str, killed: str = "") -> None:
        """kubectl delete pod --force; killed: the kubelet then ends the containers."""
        self.cluster.kubevirt.force_delete_pod(self._vm(vm), killed=bool(killed))

    def do_strip(self, vm: str) -> None:
        """Wipe the VMI from the API, finalizers and all."""
        self.cluster.kubevirt.strip(self._vm(vm))

    def do_annotate(self, vm: str, **values: str) -> None:
        """Annotate it."""
        vmi = self._vm(vm)
        vmi.annotations |= values
        self.cluster.api.changed(vmi)

    def do_io_error(self, vm: str, over: str = "") -> None:
        """KubeVirt pauses it on an I/O error, or resumes it."""
        vmi = self._vm(vm)
        vmi.paused_reason = "" if over else "PausedIOError"
        self.cluster.api.changed(vmi)

    # The rest of the world

    def do_partition(self, vm: str) -> None:
        """The node of that VM falls silent; its VMs run on."""
        self.cluster.partition(self._vm(vm).node)

    def do_power_off(self, vm: str) -> None:
        """The node of that VM loses power."""
        self.cluster.partition(self._vm(vm).node, power_off=True)

    def do_heal(self, node: str, rebooted: str = "") -> None:
        """The node speaks again."""
        self.cluster.heal(node, rebooted=bool(rebooted))

    def do_virt_controller(self, state: str) -> None:
        """up or down."""
        self.cluster.kubevirt.controller_up = state == "up"

    def do_creations(self, state: str) -> None:
        """refused or accepted by the API server."""
        self.cluster.api.refuse_creations = state == "refused"

    def summary(self) -> list[str]:
        """The state at the end."""
        stored = self.cluster.api.set
        lines = [
            f"-------- set: {'gone' if stored is None else f'{self.cluster.ready()} of {stored.spec.replicas} ready'}"
        ]
        for record in stored.records if stored else ():
            because = f" ({record.reason})" if record.reason else ""
            lines.append(f"-------- slot {record.index}: {record.vmi or '-'} {record.state}{because}")
        vmis = sorted(self.cluster.api.vmis.values(), key=lambda vmi: vmi.name)
        lines += [f"-------- vmi {vmi.name}: {vmi.phase}, process {vmi.process.value}" for vmi in vmis]
        ghosts = [vmi for vmi in self.cluster.api.removed.values() if vmi.process is Process.ALIVE]
        lines += [f"-------- not in the API and alive: {vmi.name}" for vmi in ghosts]
        return lines

    def _vm(self, name: str) -> Vmi:
        vmi = self.cluster.api.named(name)
        if vmi is None:
            raise ValueError(f"there is no VMI {name} at {self.cluster.clock.now}")
        return vmi


def _edited(spec: ReplicaSetSpec, values: dict[str, str]) -> ReplicaSetSpec:
    parsers: dict[str, Callable[[str], object]] = {
        "template_hash": str,
        "scale_in": ScaleInPolicy,
        "paused": lambda text: text == "true",
        "rolling": lambda text: text == "true",
        "prefer_unhealthy": lambda text: text == "true",
    }
    backoff = {
        name.removeprefix("backoff_"): float(text) for name, text in values.items() if name.startswith("backoff_")
    }
    plain = {name: parsers.get(name, int)(text) for name, text in values.items() if not name.startswith("backoff_")}
    return dataclasses.replace(spec, backoff=dataclasses.replace(BackoffPolicy(), **backoff), **plain)  # type: ignore[arg-type]
