"""Anything may happen in any order, and at every moment the invariants of DESIGN section 6 hold."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nfvi_ha.core.replicaset.snapshot import SlotState

from .objects import Process, Vmi
from .operator import Life
from .scenario import Scenario

EXAMPLES = int(os.environ.get("NFVI_HA_SIM_EXAMPLES", "40"))
"""How many histories to try; the default takes some 15 s."""
QUIET_SECONDS = 150
BACKOFF = {"backoff_initial_seconds": "1", "backoff_max_seconds": "4", "backoff_max_early_failures": "0"}

PICK = st.integers(0, 15)
STEPS = st.integers(1, 6)


class Nfvi(RuleBasedStateMachine):
    """Users, faults and operators that crash, in any order; then quiet, and all must be well again."""

    @initialize(replicas=st.integers(1, 4), surge=st.integers(0, 1))
    def begin(self, replicas: int, surge: int) -> None:
        self.world = Scenario()
        self.standby = 0
        self.world.do("set", f"replicas={replicas}", f"max_surge={surge}", *_words(BACKOFF))
        self.world.do("operator", "op-0")
        self.world.do("run", "15")

    # Time

    @rule(tenths=st.integers(1, 40))
    def a_moment_passes(self, tenths: int) -> None:
        self.world.do("run", str(tenths / 10))

    @rule(seconds=st.integers(5, 90))
    def time_passes(self, seconds: int) -> None:
        self.world.do("run", str(seconds))

    # Faults

    @rule(pick=PICK, how=st.sampled_from(["kill", "kill", "crash-launcher"]))
    def a_vm_dies(self, pick: int, how: str) -> None:
        self._on_a_vm(pick, how)

    @rule(pick=PICK, how=st.sampled_from(["partition", "power-off"]))
    def a_node_falls_silent(self, pick: int, how: str) -> None:
        vmi = self._vm(pick)
        if vmi is not None and vmi.node:
            self.world.do(how, vmi.name)

    @rule(node=st.integers(0, 2), rebooted=st.booleans())
    def a_node_comes_back(self, node: int, rebooted: bool) -> None:
        self.world.do("heal", f"node-{node}", *(["rebooted"] if rebooted else []))

    @rule(pick=PICK, killed=st.booleans())
    def a_pod_is_wiped(self, pick: int, killed: bool) -> None:
        vmi = self._vm(pick)
        if vmi is not None and vmi.phase == "Running":
            self.world.do("force-delete-pod", vmi.name, *(["killed"] if killed else []))

    @rule(pick=PICK)
    def a_vmi_is_wiped(self, pick: int) -> None:
        """One that is on record: of a VM that was wiped before anybody wrote it down, nobody can know."""
        vmi, stored = self._vm(pick), self.world.cluster.api.set
        recorded = {record.uid for record in stored.records} if stored else set()
        if vmi is not None and vmi.process is Process.ALIVE and vmi.uid in recorded:
            self.world.do("strip", vmi.name)

    @rule(state=st.sampled_from(["refused", "accepted"]))
    def the_api_server_minds_creations(self, state: str) -> None:
        self.world.do("creations", state)

    # Users

    @rule(pick=PICK, how=st.sampled_from(["delete", "shutdown"]))
    def a_user_ends_a_vm(self, pick: int, how: str) -> None:
        self._on_a_vm(pick, how)

    @rule(replicas=st.integers(0, 5), policy=st.sampled_from(["HighestIndex", "NewestFirst", "OldestFirst"]))
    def a_user_scales(self, replicas: int, policy: str) -> None:
        self._edit(f"replicas={replicas}", f"scale_in={policy}")

    @rule(template=st.sampled_from(["v1", "v2", "v3"]), rolling=st.sampled_from(["true", "true", "false"]))
    def a_user_changes_the_template(self, template: str, rolling: str) -> None:
        self._edit(f"template_hash={template}", f"rolling={rolling}")

    @rule(paused=st.sampled_from(["true", "false"]))
    def a_user_pauses(self, paused: str) -> None:
        self._edit(f"paused={paused}")

    # Operators

    @rule(steps=STEPS, fate=st.sampled_from(["crash", "freeze"]))
    def the_leader_will_stop_at_some_step(self, steps: int, fate: str) -> None:
        leader = self.world.operators.get(self.world.cluster.lease_holder)
        if leader is not None and leader.life is Life.UP:
            self.world.do(fate, leader.name, f"after={steps}")

    @rule(lag=st.sampled_from(["0.02", "0.3", "1.1"]))
    def an_operator_starts(self, lag: str) -> None:
        if sum(operator.life is Life.UP for operator in self.world.operators.values()) < 2:
            self.standby += 1
            self.world.do("operator", f"op-{self.standby}", f"lag={lag}")

    @rule()
    def stopped_operators_are_woken(self) -> None:
        for name, operator in self.world.operators.items():
            if operator.life is Life.FROZEN:
                self.world.do("thaw", name)

    # What must hold

    @invariant()
    def the_truth_holds(self) -> None:
        if hasattr(self, "world"):
            self.world.truth.check()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._mend_everything()
        self.world.do("run", str(QUIET_SECONDS))
        self.world.truth.failures_reported()
        self._all_is_served()
        self._nothing_moves_any_more()

    def _mend_everything(self) -> None:
        self.stopped_operators_are_woken()
        self.an_operator_starts(lag="0.02")
        self.world.do("creations", "accepted")
        self._edit("paused=false")
        for node in range(3):
            self.a_node_comes_back(node, rebooted=False)
        for operator in self.world.operators.values():
            operator.fuse = None

    def _all_is_served(self) -> None:
        cluster = self.world.cluster
        assert cluster.api.set is not None
        held = [record for record in cluster.api.set.records if record.state is SlotState.HELD]
        ready, replicas = cluster.ready(), cluster.spec.replicas
        if held:
            assert replicas - len(held) <= ready <= replicas + cluster.spec.max_surge
            doubtful = [record for record in held if not self._cannot_be_proven(record.uid)]
            assert not doubtful, (doubtful, [cluster.api.vmis.get(record.uid) for record in doubtful])
        else:
            assert ready == replicas

    def _nothing_moves_any_more(self) -> None:
        def moves() -> tuple[int, int]:
            writes = sum(operator.status_writes for operator in self.world.operators.values())
            return writes, len(self.world.cluster.vim.received)

        before = moves()
        self.world.do("run", "40")
        assert moves() == before

    def _cannot_be_proven(self, uid: str) -> bool:
        """Only a VM whose pod or object was wiped may stay held for ever."""
        api = self.world.cluster.api
        vmi = api.vmis.get(uid)
        return uid in api.removed or (vmi is not None and vmi.phase_writer == "virt-controller")

    def _edit(self, *words: str) -> None:
        self.world.do("edit", *words, *_words(BACKOFF))

    def _on_a_vm(self, pick: int, how: str) -> None:
        vmi = self._vm(pick)
        if vmi is not None:
            self.world.do(how, vmi.name)

    def _vm(self, pick: int) -> Vmi | None:
        vmis = sorted(self.world.cluster.api.vmis.values(), key=lambda vmi: vmi.name)
        return vmis[pick % len(vmis)] if vmis else None


def _words(values: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


TestNfvi = Nfvi.TestCase
TestNfvi.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
