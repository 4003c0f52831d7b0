"""A leader that is stopped at any step and woken when another one leads does nothing wrong (invariants 1 and 5)."""

import signal
from pathlib import Path

import orjson
from chaos_world import ChaosWorld, Scale, Start

ACTION = "action"
"""What an operator logs for each change that it has made."""


async def test_a_leader_stopped_anywhere_and_woken_later_does_nothing_wrong(start: Start, scale: Scale) -> None:
    world = await start(operators=2, replicas=5)
    for _ in range(scale.of(3, 15)):
        await _stop_and_wake(world)
    await world.settled()


async def _stop_and_wake(world: ChaosWorld) -> None:
    leader = await world.leader()
    log = world.operators.root / leader / "operator.log"
    await world.kill_vm()
    # Anywhere between KubeVirt's word and the replacement's being ready.
    await world.pause(0.8)
    assert world.signal_operator(leader, signal.SIGSTOP)
    try:
        # Nobody leads yet: what fails now is told by the standby, and replaced once it leads.
        await world.kill_vm()
        await world.leader(but=leader)
        await world.kill_vms(world.random.choice((0, 1)), 0.0)
        # It is woken while the other one is in the middle of replacing, or has done with it.
        await world.pause(1.5)
        slept_at = log.stat().st_size
    finally:
        assert world.signal_operator(leader, signal.SIGCONT)
    await world.kill_vm()
    await world.told_all()
    await world.replaced_all()
    world.judge()
    # An answer that came while it slept is logged late; a change that it makes now comes with its next leadership.
    late = _changes_before_leading(log, slept_at)
    assert len(late) <= 1, f"{leader} was woken while somebody else led, and changed: {late}"


def _changes_before_leading(log: Path, offset: int) -> list[str]:
    with log.open("rb") as file:
        file.seek(offset)
        lines = [orjson.loads(line) for line in file if line.startswith(b"{")]
    leads = next((number for number, line in enumerate(lines) if line.get("leads") is True), len(lines))
    return [line["detail"] for line in lines[:leads] if line.get("msg") == ACTION]
