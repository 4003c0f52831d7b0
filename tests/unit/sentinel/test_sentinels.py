"""Three real sentinel processes on loopback, without Kubernetes: what the VIM gets, whatever is lost."""

import asyncio
from pathlib import Path

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.sentinel.prober import ASK_AGAIN_SECONDS

from .played_seat import PlayedSeat
from .site import site, until, vm


async def test_a_vm_that_an_agent_sees_die_is_reported_under_one_id_and_acknowledged(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.settled()
        agent = here.agents[0]
        fault = agent.vm_fault(vm("web-0-1", vnf="web", slot=0))
        await here.wait_for("vm.failed")
        await until(lambda: agent.acknowledged(fault) == 3, "all seats to have it on disk")
        assert len(here.ids("vm.failed")) == 1
        assert all(seat.spooled() for seat in here.seats)


async def test_a_dead_hypervisor_is_reported_with_its_vms_and_cleared_when_it_is_back(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        dead = here.agents[0]
        dead.vms = [vm(f"web-{number}-1", vnf="web", slot=number) for number in range(5)]
        dead.vms.append(vm("going-0", going=True))
        dead.vms.append(vm("silent-0", report=False))
        dead.tell_inventory()
        await here.settled()
        await here.ports_seen(dead)
        dead.die()
        (host, *_) = await here.wait_for("hypervisor.failed")
        vms = await here.wait_for("vm.failed", count=5)
        assert len(here.ids("hypervisor.failed")) == 1
        assert {one.data["parent"] for one in vms} == {host.data["incident"]}
        assert {one.data["resource"]["name"] for one in vms} == {f"web-{number}-1" for number in range(5)}
        await dead.serve()
        dead.beat_again()
        await here.wait_for("hypervisor.recovered")
        await here.wait_for("vm.recovered", count=5)
        assert not [one for one in here.vim.records if one.out_of_order]


async def test_an_agent_that_is_silent_while_its_node_serves_is_lost_and_no_more(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        lost = here.agents[1]
        await here.settled()
        await here.ports_seen(lost)
        lost.silence()
        await here.wait_for("agent.lost")
        lost.beat_again()
        await here.wait_for("agent.returned")
        assert not here.ids("hypervisor.failed")


async def test_seat_0_killed_at_the_instant_of_a_fault_leaves_it_to_seat_1(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.settled()
        here.seats[0].kill()
        here.agents[0].vm_fault(vm("web-0-1"))
        await here.wait_for("vm.failed")
        assert len(here.ids("vm.failed")) == 1
        lost = await here.wait_for("ha.redundancy.lost", "sentinel-0")
        assert {one.data["confidence"] for one in lost} == {"high"}
        await here.seats[0].stop()
        await here.seats[0].start()
        await here.wait_for("ha.redundancy.restored", "sentinel-0")


async def test_a_vim_that_is_down_gets_everything_in_order_once_it_is_back(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.settled()
        here.vim.misbehave(status=503)
        agent = here.agents[0]
        fault = agent.fault(FaultKind.PROCESS_FAILED, component="process/kubelet")
        await here.refused("process.failed")
        agent.over(fault)
        await until(lambda: all("fault is over" in seat.log() for seat in here.seats), "seats to see its end")
        here.vim.misbehave()
        await here.wait_for("process.restored")
        assert len(here.ids("process.failed")) == len(here.ids("process.restored")) == 1
        assert not [one for one in here.vim.records if one.out_of_order]


async def test_peers_are_asked_of_a_silent_node_as_often_as_a_verdict_needs_it(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        lost, dead, *peers = here.agents
        await here.settled()
        await here.ports_seen(lost)
        await here.ports_seen(dead)
        lost.silence()
        await here.wait_for("agent.lost")
        tried = lost.connected
        await until(lambda: lost.connected > tried + 60, "its service to be tried by the seats themselves for a while")
        loop = asyncio.get_running_loop()
        began = loop.time()
        dead.die()
        await here.wait_for("hypervisor.failed")
        seconds = loop.time() - began
        for peer in peers:
            # Each seat asks when it suspects the node, and not while it is served: 30 rounds, or 10 for each seat.
            assert 1 <= peer.asked[lost.node] <= 15
            assert 1 <= peer.asked[dead.node] <= 3 * (1 + seconds / ASK_AGAIN_SECONDS)


async def test_a_seat_that_another_process_has_taken_says_so_and_abstains(tmp_path: Path) -> None:
    """A sentinel by hand with a number that is in use: the others speak to the first, but know of the second."""
    async with site(tmp_path) as here:
        await here.settled()
        twin = here.twin_of(1)
        await twin.start()
        try:
            (lost, *_) = await here.wait_for("ha.redundancy.lost", "sentinel-1")
            assert lost.data["cause"] == "SeatTwice"
            assert await here.seats[1].metric('nfvi_ha_sentinel_seat_twice{seat="1"}') == 1
            assert "two processes have one seat seat=1 ours=True" in here.seats[1].log()
            here.seats[2].kill()
            await here.wait_for("ha.redundancy.lost", "sentinel-2")
            here.agents[0].die()
            # Seats 0 and 1 would be a quorum if the latter were only one.
            await here.wait_for("hypervisor.unreachable")
            assert not here.ids("hypervisor.failed")
        finally:
            await twin.stop()


async def test_two_processes_of_one_seat_have_no_vote_and_the_vim_hears_of_them(tmp_path: Path) -> None:
    """A Pod that was forced away from a node that runs on: the others speak to its successor, and hear both."""
    async with site(tmp_path) as here:
        await here.settled()
        await here.seats[1].stop()
        async with PlayedSeat(1, here.ports) as elder:
            await until(lambda: elder.heard_by(here.seats[0]), "the seat that the test plays to be heard")
            elder.stop_listening()
            await here.seats[1].start()
            said = "two processes have one seat seat=1 ours=False"
            await until(lambda: said in here.seats[0].log() and said in here.seats[2].log(), "the others to see it")
            assert await here.seats[0].metric('nfvi_ha_sentinel_seat_twice{seat="1"}') == 1
            await until(lambda: "SeatTwice" in {one.data["cause"] for one in here.events("ha.redundancy.lost")}, "word")
            here.seats[2].kill()
            await here.wait_for("ha.redundancy.lost", "sentinel-2")
            here.agents[0].die()
            # Seat 0 has two votes for its own, and both of one seat.
            await until(lambda: "kind=hypervisor.unreachable" in here.seats[0].log(), "seat 0 to speak for itself")
            assert "kind=hypervisor.failed" not in here.seats[0].log()
        over = "object=Sentinel//sentinel-1 detail=sentinel 1 is heard again"
        await until(lambda: over in here.seats[0].log().rpartition("SeatTwice")[2], "the end of the elder to be seen")
