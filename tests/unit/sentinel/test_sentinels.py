"""Three real sentinel processes on loopback, without Kubernetes: what the VIM gets, whatever is lost."""

from pathlib import Path

from .site import site, until, vm


async def test_a_vm_that_an_agent_sees_die_is_reported_once_under_one_id(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.settled()
        agent, lost = here.agents[0], vm("web-0-1", vnf="web", slot=0)
        fault = agent.vm_fault(lost)
        got = await here.wait_for("vm.failed")
        await until(lambda: agent.acknowledged(fault) == 3, "all seats to have it on disk")
        assert {one.id for one in got} == here.ids("vm.failed")
        assert len(here.ids("vm.failed")) == 1
