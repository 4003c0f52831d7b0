"""A lab to be hurt: one VNF on it, an observer of what really lives, and what must hold whatever was done."""

import asyncio
import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol, Self

import pytest

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.resources import INCIDENTS, VMIS, VNFREPLICASETS
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Faults
from nfvi_ha.lab.objects import JsonObject, name_of, phase_of, uid_of
from nfvi_ha.lab.timings import LabTimings
from nfvi_ha.lab.truth import Truth
from nfvi_ha.lab.vnf import NAME, Vnf, is_ready
from nfvi_ha.lab.watched import Watched
from nfvi_ha.lab.world import Lab, LabOptions
from nfvi_ha.reporting.receiver.record import Record

NAMESPACE = "chaos"
SETTLE_SECONDS = 60.0
FAILED = "io.nfvi-ha.vm.failed"

QUICK = LabTimings(
    pod_start_seconds=0.1,
    boot_seconds=0.2,
    stopped_event_seconds=(0.05, 0.1),
    launcher_exit_seconds=(0.0, 0.2),
    container_status_seconds=(0.2, 0.3),
    launcher_watchdog_seconds=(5.0, 5.0),
    lease_renew_seconds=1.0,
    node_grace_seconds=4.0,
    node_monitor_seconds=0.5,
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much chaos: enough to notice in a few minutes, or (``full``) what the project promises to bear."""

    full: bool

    @classmethod
    def of_environment(cls) -> Self:
        wanted = os.environ.get("NFVI_HA_CHAOS_SCALE", "small")
        if wanted not in {"small", "full"}:
            raise pytest.UsageError(f"NFVI_HA_CHAOS_SCALE={wanted!r}: small or full")
        return cls(wanted == "full")

    def of(self, small: int, full: int) -> int:
        return full if self.full else small


@dataclass(slots=True)
class Figures:
    """What a test did and saw, for the run's summary."""

    test: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.test}: " + ", ".join(f"{name} {value}" for name, value in self.values.items())


FIGURES = pytest.StashKey[list[Figures]]()


@dataclass(frozen=True, slots=True)
class Kill:
    """One VM whose process was killed. ``at`` is CLOCK_MONOTONIC in nanoseconds."""

    uid: str
    name: str
    at: int


class SlotHistory:
    """What ``status.slots`` said over time: no slot that is there may go back to an older VM."""

    def __init__(self, client: KubeClient) -> None:
        self._attempts: dict[int, int] = {}
        self.steps_back: list[str] = []
        self.watched = Watched(client, VNFREPLICASETS, namespace=NAMESPACE, on_change=self._changed)

    def _changed(self, obj: JsonObject) -> None:
        slots = {slot["index"]: slot.get("vmi") or "" for slot in (obj.get("status") or {}).get("slots") or []}
        # A slot that was scaled in and comes back begins anew.
        self._attempts = {index: attempt for index, attempt in self._attempts.items() if slots.get(index)}
        for index, vm in slots.items():
            attempt, before = int(vm.rpartition("-")[2] or 0), self._attempts.get(index, 0)
            if attempt < before:
                self.steps_back.append(f"slot {index}: {vm} after attempt {before}")
            self._attempts[index] = attempt


class ChaosWorld:
    """Kills, waits, and judges."""

    def __init__(
        self, lab: Lab, client: KubeClient, vnf: Vnf, truth: Truth, random: Random, figures: Figures, slots: SlotHistory
    ) -> None:
        self.lab = lab
        self.client = client
        self.vnf = vnf
        self.truth = truth
        self.random = random
        self.figures = figures
        self.faults = Faults(lab.access.hosts, client)
        self.operators = lab.access.operators
        self.kills: dict[str, Kill] = {}
        self.scaled = False
        """Whether the set was scaled in: slots that come back begin with attempt 1 again."""
        self._slots = slots

    # Chaos

    async def pause(self, most_seconds: float, least_seconds: float = 0.0) -> None:
        """Let a random time pass: the chaos is in when things happen."""
        await asyncio.sleep(self.random.uniform(least_seconds, most_seconds))

    async def kill_vm(self) -> Kill:
        """SIGKILL a random VM that is ready and was not killed yet; waits for one."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            victims = [vmi for vmi in self.vnf.ready_vmis() if uid_of(vmi) not in self.kills]
            if victims:
                victim = self.random.choice(victims)
                try:
                    injection = self.faults.kill_vm(victim)
                except LabFailed:  # it went by itself, and the watch has not said so yet
                    await asyncio.sleep(0.05)
                    continue
                self.lab.receiver.injected(injection.target, injection.at)
                kill = self.kills[uid_of(victim)] = Kill(uid_of(victim), name_of(victim), injection.at)
                return kill
            await asyncio.sleep(0.02)
        raise AssertionError(f"no VM to kill within {SETTLE_SECONDS} s")

    async def kill_vms(self, count: int, most_seconds_between: float) -> None:
        for _ in range(count):
            await self.kill_vm()
            await self.pause(most_seconds_between)

    def signal_operator(self, name: str, number: signal.Signals) -> bool:
        """Whether it ran."""
        try:
            self.operators.signal(name, number)
        except LabFailed:
            return False
        return True

    async def leader(self, *, but: str = "", seconds: float = 30.0) -> str:
        """Who leads, as soon as somebody else than ``but`` does and all others are ready."""
        found: list[str] = []

        async def somebody() -> str:
            waiting = {name: why for name, why in (await self.operators.not_ready()).items() if name != but}
            leader = await self.operators.leader(self.client)
            if leader and leader != but and not waiting:
                found.append(leader)
                return ""
            return f"leader {leader}, not ready: {waiting}"

        await self.eventually(somebody, "a leader", seconds)
        return found[0]

    # What must hold

    async def eventually(self, missing: Callable[[], Coroutine[Any, Any, str]], what: str, seconds: float) -> None:
        """Until nothing is missing any more; an API server that is away is asked again."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                reason = await missing()
            except KubeError as error:
                reason = str(error)
            if not reason:
                return
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; {reason}"
            await asyncio.sleep(0.1)

    async def settled(self, seconds: float = SETTLE_SECONDS) -> None:
        """Until every kill was told, every VM is ready again and every Incident is closed; then judge it all."""
        began = time.monotonic()
        await self.told_all(seconds)
        await self.replaced_all(seconds)
        await self.eventually(self._status_missing, "the set is Available", seconds)
        await self.eventually(self._incidents_missing, "all Incidents closed", seconds)
        self.figures.values["settled_s"] = round(time.monotonic() - began, 1)
        self.judge()
        await self.judge_incidents()

    async def told_all(self, seconds: float = SETTLE_SECONDS) -> None:
        """Until the VIM was told of every kill."""

        def untold() -> set[str]:
            return self.kills.keys() - {uid_of_record(record) for record in self.records(FAILED)}

        try:
            await self.lab.receiver.wait_for(lambda _: not untold(), seconds)
        except TimeoutError:
            names = sorted(self.kills[uid].name for uid in untold())
            raise AssertionError(f"the VIM was not told that these failed within {seconds:.0f} s: {names}") from None

    async def replaced_all(self, seconds: float = SETTLE_SECONDS) -> None:
        """Until exactly the wanted number of VMs is there, all ready and none of them killed. Asked afresh: a watch of
        our own may not have seen yet what the VIM was told long ago."""

        async def missing() -> str:
            vmis = await self.client.list(VMIS, NAMESPACE)
            ready = [vmi for vmi in vmis if is_ready(vmi) and uid_of(vmi) not in self.kills]
            if len(ready) == len(vmis) == self.vnf.replicas:
                return ""
            return (
                ", ".join(f"{name_of(vmi)} {phase_of(vmi)}" for vmi in vmis if vmi not in ready) or f"{len(vmis)} VMs"
            )

        await self.eventually(missing, f"all {self.vnf.replicas} VMs ready", seconds)

    def records(self, type_: str = "") -> list[Record]:
        """What the VIM was told of this VNF."""
        return [record for record in self.lab.receiver.records if not type_ or record.type == type_]

    def judge(self) -> None:
        """What must hold at any time."""
        seen = self.truth.seen
        judge_records(self.records(), self.kills)
        latencies = self.latencies_ms()
        records = self.records()
        self.figures.values |= {
            "VMs killed": len(self.kills),
            "told": len({record.id for record in records}),
            "doubles": sum(1 for record in records if record.arrival > 1),
            "sequences used twice": len(sequences_used_twice(records)),
            "raised for ever": len(never_cleared(records)),
            "most living": max(seen.most.values(), default=0),
            "samples": seen.samples,
            "longest gap ms": round(seen.longest_gap_ms),
            "vm.failed ms max": round(max(latencies.values(), default=0.0)),
        }
        assert not seen.violations, list(seen.violations)
        assert not self._slots.steps_back, self._slots.steps_back
        names = [life.name for life in self.vnf.lives.values()]
        assert self.scaled or len(names) == len(set(names)), f"a VM's name was used twice: {sorted(names)}"

    def latencies_ms(self) -> dict[str, float]:
        """From each kill to the first vm.failed about it, by uid."""
        found: dict[str, float] = {}
        for record in self.records(FAILED):
            kill = self.kills.get(uid_of_record(record))
            if kill is not None:
                found.setdefault(kill.uid, (record.received_monotonic_ns - kill.at) / 1e6)
        return found

    async def judge_incidents(self) -> None:
        """The durable side says the same: one vm.failed Incident per kill, every delivery of it Delivered."""
        incidents = await self.client.list(INCIDENTS, NAMESPACE)
        failed = [item["spec"]["resource"]["uid"] for item in incidents if item["spec"]["fault"]["kind"] == "vm.failed"]
        assert sorted(failed) == sorted(self.kills), "not one vm.failed Incident for each VM that was killed"
        states = {
            (name_of(item), delivery["endpoint"], delivery["state"])
            for item in incidents
            for delivery in item["status"]["deliveries"]
        }
        assert {state for _, _, state in states} <= {"Delivered"}, sorted(states)

    async def _status_missing(self) -> str:
        status = (await self.client.get(VNFREPLICASETS, NAME, NAMESPACE)).get("status") or {}
        conditions = {item["type"]: item["status"] for item in status.get("conditions") or []}
        ready = status.get("readyReplicas") == status.get("replicas") == self.vnf.replicas
        return "" if ready and conditions.get("Available") == "True" else str(status)

    async def _incidents_missing(self) -> str:
        incidents = await self.client.list(INCIDENTS, NAMESPACE)
        open_ = {name_of(item): item.get("status") for item in incidents if _phase(item) != "Closed"}
        missing = self.kills.keys() - {item["spec"]["resource"]["uid"] for item in incidents}
        return "" if not open_ and not missing else f"open: {open_}, without an Incident: {missing}"


def judge_records(records: Sequence[Record], kills: dict[str, Kill]) -> None:
    """Signed, in order per resource, one id per fault, doubles that say the same, and no failure that was none."""
    assert not [record for record in records if not record.verified], "unsigned"
    late = [f"{record.subject} {record.type} #{record.data['sequence']}" for record in records if record.out_of_order]
    assert not late, late
    said: dict[str, tuple[Any, ...]] = {}
    failed: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        words = (record.subject, record.type, record.data["incident"], record.data["cause"])
        assert said.setdefault(record.id, words) == words, f"{record.id} said {words} after {said[record.id]}"
        if record.type == FAILED:
            failed[uid_of_record(record)].add(record.id)
    false = [
        f"{record.subject} {record.data['cause']} by {record.data['source']}"
        for record in records
        if record.type == FAILED and uid_of_record(record) not in kills
    ]
    assert not false, f"told as failed, and nobody made them fail: {false}"
    assert {uid: ids for uid, ids in failed.items() if len(ids) > 1} == {}, "one failure told as two"


def sequences_used_twice(records: Sequence[Record]) -> set[tuple[str, int]]:
    """Places in a resource's story that two different notifications took, or that one took beside its own.

    Two replicas that do not see the same count differently: the leader and a stand-in after it was cut off.
    """
    places: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for record in records:
        places[record.subject, record.data["sequence"]].add(record.id)
    return {place for place, ids in places.items() if len(ids) > 1}


def never_cleared(records: Sequence[Record]) -> set[str]:
    """Incidents that the VIM was told of and not of their end (yet)."""
    cleared = {record.data["incident"] for record in records if record.data["state"] == "cleared"}
    return {record.data["incident"] for record in records} - cleared


def uid_of_record(record: Record) -> str:
    """Of the resource that it is about."""
    return str((record.data.get("resource") or {}).get("uid") or "")


class Start(Protocol):
    """Starts the test's lab."""

    async def __call__(self, *, operators: int, replicas: int) -> ChaosWorld: ...


@asynccontextmanager
async def start_world(
    directory: Path, assets: Assets, random: Random, figures: Figures, *, operators: int, replicas: int
) -> AsyncIterator[ChaosWorld]:
    """A lab with one VNF whose VMs are all ready, and the observer looking."""
    # The operator by itself: what agents and sentinels add has tests of its own.
    options = LabOptions(operators=operators, agents=False, timings=QUICK, seed=random.randrange(2**31))
    async with (
        await Lab.start(directory / "lab", options, assets=assets) as lab,
        await KubeClient.connect(str(lab.plane.kubeconfig), user_agent="chaos") as client,
    ):
        vnf, slots = Vnf(client, NAMESPACE, replicas), SlotHistory(client)
        with Truth.of(lab.access.hosts) as truth:
            truth.limit((NAMESPACE, NAME), replicas)
            watching = asyncio.gather(vnf.run(), slots.watched.run())
            try:
                await vnf.create()
                await vnf.wait_all_ready(SETTLE_SECONDS)
                yield ChaosWorld(lab, client, vnf, truth, random, figures, slots)
            finally:
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching


def _phase(incident: JsonObject) -> str:
    return str((incident.get("status") or {}).get("phase") or "")
