"""Whole sentinels: the VIM is told first, the API server after, and the API server may be away meanwhile."""

import asyncio
from pathlib import Path

from scribe_world import ScribeWorld
from whole_site import WholeSite, whole_site

from nfvi_ha.api.names import API_VERSION

BUDGET_SECONDS = 5.0
"""From silence to the VIM. It is 1 s by design; this machine may do other things, too."""


async def told_in_time(site: WholeSite, node: str) -> str:
    """Wait for the VIM to hear of a node that has just died; the incident's id."""
    loop = asyncio.get_running_loop()
    died = loop.time()
    (host, *_) = await site.wait_for("hypervisor.failed", node)
    vms = await site.wait_for("vm.failed", f"web-0-1-{node}")
    assert loop.time() - died < BUDGET_SECONDS
    assert {one.data["parent"] for one in vms} == {host.data["incident"]}
    return str(host.data["incident"])


async def test_a_dead_hypervisor_is_told_recorded_marked_and_freed_also_while_the_api_server_is_away(
    world: ScribeWorld, tmp_path: Path
) -> None:
    async with whole_site(world, tmp_path) as site:
        first, second, *_ = site.agents
        for host in (first, second):
            await site.ports_seen(host)

        first.die()
        incident = await told_in_time(site, first.node)
        assert (await site.reported("hypervisor.failed", first.node))["metadata"]["name"] == incident
        assert (await site.reported("vm.failed", first.node))["spec"]["parent"] == incident
        await site.until_tainted(first.node, tainted=True)

        await first.serve()
        first.beat_again()
        await site.wait_for("hypervisor.recovered", first.node)
        await site.until_tainted(first.node, tainted=False)
        await site.until_cleared("hypervisor.failed", first.node)

        await world.plane.stop_apiserver(grace_seconds=0)
        try:
            second.die()
            incident = await told_in_time(site, second.node)
        finally:
            await world.plane.start_apiserver()
        record = await site.reported("hypervisor.failed", second.node)
        assert record["metadata"]["name"] == incident
        assert record["apiVersion"] == API_VERSION
        await site.until_tainted(second.node, tainted=True)
        for kind in ("hypervisor.failed", "vm.failed"):
            assert not [one for one in site.events(kind) if one.out_of_order]
