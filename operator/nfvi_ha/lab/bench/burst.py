"""How long the operator itself takes from a VM's failure in the API to the VIM, alone and when half of all VMs fail.

Real: API server, etcd, operator processes, VIM receiver, every object and every write. Not there: VM processes and
hypervisors; one process writes what they would write. A relay between operator and API server stamps each event when it
hands it over. Unless told otherwise it first holds the failures until all are written, then hands them over at the
pace asked for: the figures are then the operator's own, not those of an API server that may be too slow on its machine.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from nfvi_ha.kube.resources import NAMESPACES, VNFREPLICASETS
from nfvi_ha.lab.bench import fleet
from nfvi_ha.lab.bench.machine import machine
from nfvi_ha.lab.bench.part import Part
from nfvi_ha.lab.bench.percentiles import Summary, summary
from nfvi_ha.lab.bench.stage import Stage, open_stage
from nfvi_ha.lab.bench.usage import Usage
from nfvi_ha.lab.errors import LabFailed

NOTIFIED_SECONDS: Final = 120.0
SETTLED_SECONDS: Final = 180.0
CALM_SECONDS: Final = 0.3
CALM_CPU_SECONDS: Final = 0.03
IDLE_SECONDS: Final = 5.0
TOUCH_PER_SECOND: Final = 100.0
QUIET_PER_SECOND: Final = 500.0
"""As fast as failures come in the burst."""
HELD_PER_SECOND: Final = 50.0
TOUCHED_FROM: Final = 100
"""With fewer VMs the quiet events are too few for a CPU clock of 10 ms."""
LATENCIES: Final = ("event_to_received_ms", "answered_to_received_ms", "sent_to_received_ms")
SHARES: Final = ("kube-apiserver", "etcd", "operator", "relay", "stand-in of the hypervisors", "receiver")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BurstOptions:
    """Of ``vms`` VMs so many fail within so many seconds, and that again and again."""

    vms: int = 1000
    fail: int = 500
    within_seconds: float = 1.0
    repeat: int = 1
    operators: int = 1
    direct: bool = False
    """Hand events over as they come from the API server, at whatever pace that is."""
    boot_seconds: float = 1.5
    """From a VMI's creation until it is Ready."""
    seed: int = 1


async def run_burst(options: BurstOptions, directory: Path, assets: Any, progress: Any, say: Say) -> dict[str, Any]:
    """The result as ``nfvi-ha lab bench burst -o json`` prints it.

    Raises:
        LabFailed: something that must follow a failure did not.
    """
    async with AsyncExitStack() as stack:
        stage = await open_stage(stack, directory, assets, progress, options.operators)
        bench = await _Bench.prepare(stack, stage, options, directory, say)
        quiet = await bench.touch() if options.vms >= TOUCHED_FROM else None
        runs = [await bench.burst(number) for number in range(options.repeat)]
        return bench.result(quiet, runs)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was used and seen until a moment."""

    operator: Usage
    apiserver: Usage
    etcd: Usage
    events: float


class _Bench:
    def __init__(self, stage: Stage, options: BurstOptions, writer: Part, say: Say) -> None:
        self._stage = stage
        self._options = options
        self._writer = writer
        self._say = say
        self._random = Random(options.seed)  # noqa: S311 - which VMs fail shall be repeatable
        self._load = os.getloadavg()
        self._latencies: dict[str, list[float]] = {name: [] for name in LATENCIES[: 3 if options.direct else 1]}
        self._vmi_bytes = 0

    @classmethod
    async def prepare(
        cls, stack: AsyncExitStack, stage: Stage, options: BurstOptions, directory: Path, say: Say
    ) -> "_Bench":
        """Start the stand-in of the hypervisors, make the VNFs, and wait until all VMs are Ready."""
        kubeconfig, package = str(stage.kubeconfig), __package__
        arguments = [kubeconfig, str(options.vms), str(options.boot_seconds)]
        writer = await Part.start(f"{package}.standin", arguments, directory / "writer.log")
        stack.push_async_callback(writer.stop)
        await stage.client.create(
            NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": fleet.NAMESPACE}}
        )
        await writer.ask("register")
        say(f"creating {options.vms} VMs")
        for number, size in enumerate(fleet.set_sizes(options.vms)):
            await stage.client.create(VNFREPLICASETS, fleet.replica_set(number, size), fleet.NAMESPACE)
        return cls(stage, options, writer, say)

    async def touch(self) -> dict[str, Any]:
        """Changes that mean nothing: what one watch event costs by itself."""
        vmis = await self._settle()
        relay, uids = self._stage.relay, [vmi["uid"] for vmi in vmis]
        idle_each_second = await self._idle()
        await relay.ask("forget")
        await relay.ask("hold")
        await self._writer.ask("touch", SETTLED_SECONDS, uids=uids, within=len(uids) / TOUCH_PER_SECOND)
        await _until(relay, "kept", len(uids))
        before, began = await self._mark(), time.monotonic()
        await relay.ask("release", within=len(uids) / QUIET_PER_SECOND)
        await self._calm()
        after, took = await self._mark(), time.monotonic() - began
        self._vmi_bytes = (await relay.ask("tell"))["vmi_event_bytes"]
        cost = self._cost(before, after)
        beyond = after.operator.cpu_seconds - before.operator.cpu_seconds - idle_each_second * took
        beyond_each = round(beyond * 1000 / (after.events - before.events), 3)
        return cost | {"idle_cpu_ms_each_second": round(idle_each_second * 1000, 1), "beyond_idle_ms": beyond_each}

    async def _idle(self) -> float:
        """CPU seconds that the operator uses in a second in which nothing happens (Leases of all nodes are renewed)."""
        pid = self._stage.operator_pid
        before = Usage.of(pid).cpu_seconds
        await asyncio.sleep(IDLE_SECONDS)
        return (Usage.of(pid).cpu_seconds - before) / IDLE_SECONDS

    async def burst(self, number: int) -> dict[str, Any]:
        """One burst, from calm until everything about it is written down."""
        vmis = await self._settle()
        uids = [vmi["uid"] for vmi in self._random.sample(vmis, min(self._options.fail, len(vmis)))]
        relay, mark = self._stage.relay, len(self._stage.receiver.records)
        await relay.ask("forget")
        if self._options.direct:
            before = await self._mark()
            within = self._options.within_seconds
            answer = await self._writer.ask("fail", SETTLED_SECONDS, uids=uids, within=within)
        else:
            await relay.ask("hold")
            within = len(uids) / HELD_PER_SECOND
            answer = await self._writer.ask("fail", SETTLED_SECONDS, uids=uids, within=within)
            await _until(relay, "held", len(uids))
            await self._calm()
            before = await self._mark()
            await relay.ask("release", within=self._options.within_seconds)
        received = await self._received(set(uids), mark)
        notified = await self._mark()
        seen = await _until(relay, "settled", len(uids))
        settled = await self._mark()
        run = self._run(answer["writes"], received, seen)
        run |= {"until_notified": self._cost(before, notified), "until_settled": self._cost(before, settled)}
        latency = run["summary"][LATENCIES[0]]
        self._say(f"{number + 1}/{self._options.repeat} watch event -> VIM: max {latency['max']} ms")
        return run

    def _run(self, writes: list[dict[str, Any]], received: dict[str, int], seen: dict[str, Any]) -> dict[str, Any]:
        began = min(seen["failed"].values())
        latencies: dict[str, list[float]] = {name: [] for name in self._latencies}
        for write in writes:
            got = received[write["uid"]]
            starts = (seen["failed"][write["uid"]], write["answered"], write["sent"])
            for name, start in zip(latencies, starts, strict=False):
                latencies[name].append((got - start) / 1e6)
        for name, values in latencies.items():
            self._latencies[name] += values
        written = list(seen["incident_writes"].values())
        seconds = (max(received.values()) - began) / 1e9
        return {
            "failed": len(writes),
            "all_handed_over_ms": _after(began, seen["failed"].values()),
            "all_received_ms": _after(began, received.values()),
            "all_replacements_created_ms": _after(began, seen["created"].values()),
            "all_incidents_created_ms": _after(began, seen["recorded"].values()),
            "all_deliveries_recorded_ms": _after(began, seen["delivered"].values()),
            "received_per_second": round(len(received) / seconds, 1),
            "incident_writes_each": round(sum(written) / len(written), 2),
            "summary": {name: _rounded(summary(values)) for name, values in latencies.items()},
        }

    def result(self, quiet: dict[str, Any] | None, runs: list[dict[str, Any]]) -> dict[str, Any]:
        """Everything, with the machine it was measured on."""
        operator = Usage.of(self._stage.operator_pid)
        return {
            "scenario": "burst",
            "machine": machine(self._stage.kubernetes)
            | {"load_average": {"before": _tenths(self._load), "after": _tenths(os.getloadavg())}},
            "shared_by": list(SHARES),
            "options": asdict(self._options),
            "vmi_event_bytes": self._vmi_bytes or None,
            "quiet_events": quiet,
            "operator_rss_mb": {"end": round(operator.rss_mb, 1), "peak": round(operator.peak_rss_mb, 1)},
            "runs": runs,
            "summary": {name: _rounded(summary(values)) for name, values in self._latencies.items()},
        }

    async def _settle(self) -> list[dict[str, str]]:
        """All VMs Ready, and nobody at work any more."""
        answer = await self._writer.ask("settle", timeout_seconds=SETTLED_SECONDS + 5, ready=self._options.vms)
        await self._calm()
        vmis: list[dict[str, str]] = answer["vmis"]
        return vmis

    async def _calm(self) -> None:
        pid, deadline = self._stage.operator_pid, asyncio.get_running_loop().time() + SETTLED_SECONDS
        used = Usage.of(pid).cpu_seconds
        while True:
            await asyncio.sleep(CALM_SECONDS)
            now = Usage.of(pid).cpu_seconds
            if now - used <= CALM_CPU_SECONDS:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise LabFailed(f"the operator is still busy after {SETTLED_SECONDS:.0f} s")
            used = now

    async def _received(self, uids: set[str], mark: int) -> dict[str, int]:
        """When the VIM had the first notification of each failure, by the VM's uid."""
        receiver, found = self._stage.receiver, dict[str, int]()
        looked = mark

        def complete(records: Any) -> bool:
            nonlocal looked
            for record in records[looked:]:
                uid = (record.data.get("resource") or {}).get("uid")
                if record.type == "io.nfvi-ha.vm.failed" and record.verified and uid in uids:
                    found.setdefault(uid, record.received_monotonic_ns)
            looked = len(records)
            return len(found) == len(uids)

        try:
            await receiver.wait_for(complete, NOTIFIED_SECONDS)
        except TimeoutError as error:
            missing = len(uids) - len(found)
            raise LabFailed(f"{missing} failures were not told within {NOTIFIED_SECONDS:.0f} s") from error
        return found

    async def _mark(self) -> _Mark:
        stage = self._stage
        return _Mark(
            Usage.of(stage.operator_pid),
            Usage.of(stage.process("kube-apiserver")),
            Usage.of(stage.process("etcd")),
            await stage.watch_events(),
        )

    def _cost(self, before: _Mark, after: _Mark) -> dict[str, Any]:
        events = after.events - before.events
        cpu = after.operator.cpu_seconds - before.operator.cpu_seconds
        return {
            "operator_cpu_seconds": round(cpu, 2),
            "operator_watch_events": round(events),
            "operator_cpu_ms_per_watch_event": round(cpu * 1000 / events, 3) if events else None,
            "apiserver_cpu_seconds": round(after.apiserver.cpu_seconds - before.apiserver.cpu_seconds, 2),
            "etcd_cpu_seconds": round(after.etcd.cpu_seconds - before.etcd.cpu_seconds, 2),
        }


async def _until(relay: Part, what: str, count: int) -> dict[str, Any]:
    return await relay.ask(what, timeout_seconds=SETTLED_SECONDS + 5, count=count, seconds=SETTLED_SECONDS)


def _after(began: int, stamps: Any) -> float | None:
    """Milliseconds from the first failure handed over until the last of these."""
    last = max(stamps, default=None)
    return None if last is None else round((last - began) / 1e6, 1)


def _rounded(values: Summary) -> Summary:
    return {name: None if value is None else round(value, 1) for name, value in values.items()}


def _tenths(values: Any) -> list[float]:
    return [round(value, 1) for value in values]
