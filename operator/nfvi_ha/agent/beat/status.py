"""What the probes process is told of us each second, for its metrics."""

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nfvi_ha.agent.beat.loop import BeatLoop


def status(loop: "BeatLoop", now: float) -> dict[str, Any]:
    """Counters since the start; ages in seconds, None for never."""
    return {
        "pid": os.getpid(),
        "scheduling": loop.scheduling.value,
        "locked": loop.locked,
        "flags": int(loop.flags(now)),
        "incarnation": loop.composer.incarnation,
        "lag": loop.lags.seconds,
        "lagMax": loop.lags.largest_ever,
        "cpu": time.process_time(),
        "rss": resident_bytes(),
        "made": dict(loop.voice.counts),
        "sent": {port.network.name: port.sent for port in loop.ports},
        "sendErrors": {port.network.name: dict(port.errors) for port in loop.ports},
        "taken": dict(loop.intake.taken),
        "dropped": dict(loop.intake.dropped),
        "errors": dict(loop.errors),
        "probing": dict(loop.probing.counts),
        "probesStarts": loop.child.starts,
        "key": loop.keys.current,
        "keys": len(loop.keys.ids()),
        "episode": loop.telltale.episode,
        "seats": {
            str(number): {
                "answerAge": _age(seat.answered_at, now),
                "permitAge": _age(seat.permit_at, now),
            }
            for number, seat in enumerate(loop.seats.by_number)
            if number in loop.destinations.seats
        },
    }


def resident_bytes() -> int:
    """Of this process (its own /proc, whatever root the probes read)."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else now - at
