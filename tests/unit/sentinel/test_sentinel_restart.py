"""One sentinel process that goes away and comes back: what was open is not lost, what was told is not told again."""

import signal
from pathlib import Path

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.wire.beat import Flags

from .site import site, until, vm


async def test_a_fault_that_ended_while_the_sentinel_was_away_is_cleared_under_its_id(tmp_path: Path) -> None:
    async with site(tmp_path, seats=1) as here:
        await here.settled()
        (seat,), agent = here.seats, here.agents[0]
        agent.fault(FaultKind.PROCESS_FAILED, component="process/kubelet")
        (raised, *_) = await here.wait_for("process.failed")
        await until(seat.spooled, "the record to be on disk")
        seat.kill()
        await seat.stop()
        agent.faults.clear()
        agent.changed()
        await seat.start()
        (cleared, *_) = await here.wait_for("process.restored")
        assert cleared.data["incident"] == raised.data["incident"]
        assert len(here.ids("process.failed")) == 1


async def test_a_record_that_nobody_took_is_on_disk_after_sigterm_and_after_the_next_start(tmp_path: Path) -> None:
    async with site(tmp_path, seats=1) as here:
        await here.settled()
        (seat,), agent = here.seats, here.agents[0]
        agent.vm_fault(vm("web-0-1"))
        await here.wait_for("vm.failed")
        assert await seat.stop(signal.SIGTERM) == 0
        (before,) = seat.spooled()
        await seat.start()
        await until(lambda: "sentinel starts" in seat.log(), "the next start")
        (after,) = seat.spooled()
        assert before["metadata"]["name"] == after["metadata"]["name"]
        assert [one["state"] for one in after["status"]["deliveries"]] == ["Delivered"]


async def test_what_was_not_delivered_before_a_restart_is_delivered_after_it(tmp_path: Path) -> None:
    async with site(tmp_path, seats=1) as here:
        await here.settled()
        (seat,), agent = here.seats, here.agents[0]
        here.vim.misbehave(status=503)
        agent.vm_fault(vm("web-0-1"))
        await here.refused("vm.failed")
        await until(seat.spooled, "the record to be on disk")
        agent.faults.clear()
        seat.kill()
        await seat.stop()
        here.vim.misbehave()
        await seat.start()
        await here.wait_for("vm.failed")


async def test_an_agent_that_restarts_neither_clears_nor_repeats_what_it_saw(tmp_path: Path) -> None:
    async with site(tmp_path, seats=1) as here:
        await here.settled()
        agent = here.agents[0]
        agent.fault(FaultKind.PROCESS_FAILED, component="process/kubelet")
        await here.wait_for("process.failed")
        seen, agent.faults = agent.faults, []
        agent.flags |= Flags.PROBES_DOWN
        agent.restart()
        await here.settled()
        agent.flags &= ~Flags.PROBES_DOWN
        agent.changed()
        marker = agent.fault(FaultKind.LINK_DOWN, component="link/eth0")
        await here.wait_for("link.down")
        agent.faults = [*seen, marker]
        agent.changed()
        agent.fault(FaultKind.LINK_DOWN, component="link/eth1")
        await here.wait_for("link.down", "eth1")
        assert len(here.ids("process.failed")) == 1
        assert not here.ids("process.restored")


async def test_a_fault_that_found_no_room_in_the_beat_is_not_taken_for_over(tmp_path: Path) -> None:
    async with site(tmp_path, seats=1) as here:
        await here.settled()
        agent = here.agents[0]
        first = agent.fault(FaultKind.PROCESS_FAILED, component="process/zzz")
        await here.wait_for("process.failed")
        agent.overflow_room = 500
        events = [agent.vm_fault(vm(f"web-{number}-1")) for number in range(12)]
        await here.wait_for("agent.faults.overflow")
        # Each event gets its turn as those before it are acknowledged, here by the only seat there is.
        while waiting := [each for each in events if each in agent.faults]:
            await until(lambda all_=waiting: any(map(agent.acknowledged, all_)), "an acknowledgement")  # type: ignore[misc]
            agent.faults = [each for each in agent.faults if each not in waiting or not agent.acknowledged(each)]
            agent.changed()
        await here.wait_for("vm.failed", count=12)
        assert not here.ids("process.restored")
        agent.overflow_room = None
        agent.over(first)
        await here.wait_for("process.restored")
