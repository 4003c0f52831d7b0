"""``nfvi-ha lab soak``: everything that may look like a dead hypervisor, and is none, for minutes, on a busy machine.

At the end one hypervisor is switched off under the same load: a watch that was asleep all the time would pass the rest.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from nfvi_ha.lab.agents import AGENT
from nfvi_ha.lab.bare import SEATS, BareLab
from nfvi_ha.lab.bench.machine import machine
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.network.plan import MGMT, STORAGE_A
from nfvi_ha.reporting.receiver.record import Record

LOSS: Final = 0.01
BURST_SECONDS: Final = 0.3
STOP_SECONDS: Final = 1.0
STOPS: Final = 2
"""Of each sentinel, and of one agent."""
DETECTED_SECONDS: Final = 10.0
FAILED: Final = "hypervisor.failed"
_BURN: Final = "while True: pass"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SoakOptions:
    """How long, how many, and how busy."""

    minutes: float = 3.0
    hypervisors: int = 20
    burn: int = 2
    """Processes that do nothing but use a processor."""
    seed: int = 1


async def run_soak(options: SoakOptions, directory: Path, say: Say) -> dict[str, Any]:
    """The result as ``nfvi-ha lab soak -o json`` prints it; ``passed`` says whether nobody cried wolf.

    Raises:
        LabFailed: the lab does not come up, or the hypervisor that is switched off at the end is not told.
    """
    told: list[Record] = []
    random = Random(options.seed)  # noqa: S311 - when what is hit shall be repeatable
    async with await BareLab.start(directory, options.hypervisors, lambda record, _: told.append(record)) as lab:
        say(f"{options.hypervisors} hypervisors are up for {SEATS} sentinels")
        async with _burning(options.burn):
            await lab.faults.lose(lab.names, LOSS)
            say(f"{options.burn} processes burn, {LOSS:.0%} of packets are lost")
            began = time.monotonic()
            made = await _trouble(lab, options, random, say)
            lasted = time.monotonic() - began
            raised = Counter(record.data["kind"] for record in told if record.data.get("state") == "raised")
            say(f"raised until now: {dict(raised) or 'nothing'}; now a hypervisor is switched off")
            detected = await _power_off(lab, random, told)
    return {
        "soak": asdict(options),
        "machine": machine("none"),
        "seconds": round(lasted, 1),
        "loss": LOSS,
        "made": dict(made),
        "raised": dict(raised),
        "false_alarms": raised[FAILED],
        "power_off_notified_ms": round(detected, 1),
        "passed": raised[FAILED] == 0,
    }


async def _trouble(lab: BareLab, options: SoakOptions, random: Random, say: Say) -> Counter[str]:
    """A burst of loss each minute, and stops of processes spread over the time."""
    made: Counter[str] = Counter()
    total = options.minutes * 60
    number = max(1, round(options.minutes))
    bursts = [("burst", total / number * (index + 0.5)) for index in range(number)]
    stops = [("agent", "")] * STOPS + [("sentinel", str(seat)) for seat in range(SEATS)] * STOPS
    random.shuffle(stops)
    pause = total / (len(stops) + 1)
    spread = [(f"{kind} {which}".strip(), pause * index) for index, (kind, which) in enumerate(stops, 1)]
    began = time.monotonic()
    for what, due in sorted([*bursts, *spread], key=lambda item: item[1]):
        await asyncio.sleep(max(0.0, began + min(due, total) - time.monotonic()))
        say(f"{time.monotonic() - began:.0f} s: {what}")
        kind, _, which = what.partition(" ")
        match kind:
            case "burst":
                await _burst(lab)
            case "agent":
                await _stop_agent(lab, random.choice(lab.names))
            case _:
                await _stop_sentinel(lab, int(which))
        made[kind] += 1
    await asyncio.sleep(max(0.0, began + total - time.monotonic()))
    return made


async def _burst(lab: BareLab) -> None:
    """Nothing passes on either network."""
    switches = [MGMT.switch, STORAGE_A.switch]
    await lab.network.set_switches(switches, up=False)
    try:
        await asyncio.sleep(BURST_SECONDS)
    finally:
        await lab.network.set_switches(switches, up=True)


async def _stop_agent(lab: BareLab, node: str) -> None:
    lab.faults.signal_service(node, AGENT, signal.SIGSTOP)
    try:
        await asyncio.sleep(STOP_SECONDS)
    finally:
        lab.faults.signal_service(node, AGENT, signal.SIGCONT)


async def _stop_sentinel(lab: BareLab, seat: int) -> None:
    lab.sentinels.seats.signal(seat, signal.SIGSTOP)
    try:
        await asyncio.sleep(STOP_SECONDS)
    finally:
        lab.sentinels.seats.signal(seat, signal.SIGCONT)


async def _power_off(lab: BareLab, random: Random, told: list[Record]) -> float:
    """Milliseconds until the VIM has it."""
    node = random.choice(lab.names)
    injection = await lab.faults.power_off(node)
    deadline = time.monotonic() + DETECTED_SECONDS
    while time.monotonic() < deadline:
        for record in told:
            if record.data.get("kind") == FAILED and record.subject == f"Hypervisor/{node}":
                return (record.received_monotonic_ns - injection.at) / 1e6
        await asyncio.sleep(0.01)
    raise LabFailed(f"{node} was switched off, and the VIM was not told within {DETECTED_SECONDS:.0f} s")


@asynccontextmanager
async def _burning(count: int) -> AsyncIterator[None]:
    argv = [sys.executable, "-I", "-S", "-c", _BURN]
    burners = [subprocess.Popen(argv) for _ in range(count)]  # noqa: ASYNC220 - takes a millisecond
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
