"""The receiver under its full load: ``nfvi-ha lab bench receiver``.

First what one core can verify. Then a process that stands for 1,000 agents beats ten times a second over two networks
to one real receiver with the real verdicts, while that process is stopped three times for a second, and hosts fall
silent one after the other. Every suspicion of a host that was not silent is a false one.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from nfvi_ha.lab.bench.machine import machine
from nfvi_ha.lab.bench.part import Json, Part
from nfvi_ha.lab.bench.percentiles import Summary, summary
from nfvi_ha.lab.bench.seat import roster
from nfvi_ha.lab.bench.throughput import throughput
from nfvi_ha.lab.bench.usage import Usage

SETTLE_SECONDS: Final = 5.0
"""The seat's warm-up, and what the start of 1,000 agents costs, lie before the first event."""
STOP_SECONDS: Final = 1.0
CALM_BEFORE: Final = 1.5
CALM_AFTER: Final = 2.5
"""No host falls silent so long before or after a stop begins: the stop would be measured instead."""
ROUNDS: Final = 20


@dataclass(frozen=True, slots=True)
class BeatsOptions:
    """How many hosts beat for how long, how many of them fall silent, and how often the seat is stopped."""

    nodes: int = 1000
    seconds: float = 45.0
    silent: int = 100
    stops: int = 3
    seed: int = 1
    flood: int = 0
    """Garbage, datagrams a second."""


async def run_beats(options: BeatsOptions, directory: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The result as ``nfvi-ha lab bench receiver -o json`` prints it.

    Raises:
        LabFailed: one of the two processes does not do its part.
    """
    load = os.getloadavg()
    say("what one core verifies")
    rates = await asyncio.to_thread(throughput, ROUNDS, options.seed)
    say(f"{options.nodes} hypervisors for {options.seconds:.0f} s")
    fleet = await _fleet(options, directory)
    return {
        "bench": "receiver",
        "machine": machine("none: no control plane takes part")
        | {"load_average": {"before": _tenths(load), "after": _tenths(os.getloadavg())}},
        "options": asdict(options),
        "one_core": rates,
        "fleet": fleet,
        "passed": passed(fleet),
    }


def passed(fleet: dict[str, Any]) -> bool:
    """No host was suspected that was not silent, every silent one was found, and nobody raised anything else."""
    found = fleet["failed_of_the_silent"] == fleet["suspected_of_the_silent"] == fleet["silent_hosts"]
    return found and not fleet["false_suspected"] and not fleet["false_failed"] and not fleet["other_alarms"]


def stops_at(options: BeatsOptions) -> list[float]:
    """When the seat is stopped, in seconds from the first beat: evenly over the time after it settled."""
    span = options.seconds - SETTLE_SECONDS
    return [SETTLE_SECONDS + span * (number + 0.5) / options.stops for number in range(options.stops)]


def silences(options: BeatsOptions) -> dict[str, float]:
    """Which hosts fall silent when: evenly over all the time that no stop touches."""
    random, stops = Random(options.seed), stops_at(options)  # noqa: S311 - it shall be repeatable
    step = 0.01
    moments = [
        moment
        for moment in (SETTLE_SECONDS + step * n for n in range(int((options.seconds - 2 - SETTLE_SECONDS) / step)))
        if all(not -CALM_BEFORE < moment - stop < CALM_AFTER for stop in stops)
    ]
    hosts = random.sample(sorted(roster(options.nodes)), options.silent)
    return {host: moments[len(moments) * n // options.silent] for n, host in enumerate(hosts)} if moments else {}


async def _fleet(options: BeatsOptions, directory: Path) -> dict[str, Any]:
    master, silent = secrets.token_hex(32), silences(options)
    async with AsyncExitStack() as stack:
        seat = await Part.start("nfvi_ha.lab.bench.seat", [], directory / "seat.log")
        stack.push_async_callback(seat.stop)
        drum = await Part.start("nfvi_ha.lab.bench.drum", [], directory / "drum.log")
        stack.push_async_callback(drum.stop)
        started = await seat.ask("start", nodes=options.nodes, master=master)
        start = time.monotonic() + 2.0
        beating = asyncio.create_task(
            drum.ask(
                "beat",
                options.seconds + 30,
                master=master,
                nodes=list(roster(options.nodes)),
                silent=silent,
                start=start,
                seconds=options.seconds,
                **started,
            )
        )
        flooding = await _flood(stack, options, directory, start, started["places"])
        await _until(start + SETTLE_SECONDS)
        before, began = Usage.of(seat.pid), time.monotonic()
        await _stop_again_and_again(seat.pid, [start + at for at in stops_at(options)])
        await _until(start + options.seconds - 0.5)
        after, took = Usage.of(seat.pid), time.monotonic() - began
        sent = await beating | (await flooding if flooding else {"sent": 0})
        seen = await seat.ask("tell")
    stopped = options.stops * STOP_SECONDS
    return _verdict(options, sent, seen, silent) | {
        "seat_cpu_share": round((after.cpu_seconds - before.cpu_seconds) / took, 3),
        "seat_cpu_share_while_it_may_run": round((after.cpu_seconds - before.cpu_seconds) / (took - stopped), 3),
        "seat_rss_mb": round(after.peak_rss_mb, 1),
    }


async def _flood(
    stack: AsyncExitStack, options: BeatsOptions, directory: Path, start: float, places: Any
) -> asyncio.Task[Json] | None:
    if not options.flood:
        return None
    part = await Part.start("nfvi_ha.lab.bench.drum", [], directory / "flood.log")
    stack.push_async_callback(part.stop)
    order = {"places": places, "start": start, "seconds": options.seconds, "per_second": options.flood}
    return asyncio.create_task(part.ask("flood", options.seconds + 30, **order))


def _verdict(options: BeatsOptions, sent: Json, seen: Json, silent: dict[str, float]) -> dict[str, Any]:
    last = sent["last"]
    result: dict[str, Any] = {"silent_hosts": len(silent), "stops": options.stops}
    for name, key in (("silence_to_suspect_ms", "suspected"), ("silence_to_failed_ms", "failed")):
        true = [(at - last[node]) / 1e6 for node, at in seen[key] if node in silent and at > last[node]]
        result[name] = _rounded(summary(true))
        result[f"{key}_of_the_silent"] = len(true)
        result[f"false_{key}"] = len(seen[key]) - len(true)
    return result | {
        "other_alarms": seen["other"],
        "states": seen["states"],
        "beats_taken": seen["beats"],
        "beats_per_second": round(seen["beats"] / options.seconds),
        "datagrams_read": seen["datagrams"],
        "dropped": seen["dropped"],
        "lost_in_kernel": seen["lost_in_kernel"],
        "receive_buffer_bytes": seen["receive_buffer_bytes"],
        "worst_tick_ms": seen["worst_tick_ms"],
        "drains_that_took_more_than_one_turn": seen["drains_that_took_more_than_one_turn"],
        "senders_worst_gap_ms": sent["worst_gap_ms"],
        "garbage_sent": sent["sent"],
    }


async def _stop_again_and_again(pid: int, moments: list[float]) -> None:
    for moment in moments:
        await _until(moment)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOP_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


def _rounded(values: Summary) -> Summary:
    return {name: None if value is None else round(value, 1) for name, value in values.items()}


def _tenths(values: Any) -> list[float]:
    return [round(value, 1) for value in values]
