"""Three whole sentinels, each with its scribe, on the control plane; agents are played, the VIM is a real receiver."""

import asyncio
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scribe_world import Obj, ScribeWorld, eventually
from tests.unit.sentinel.site import (
    CLUSTER,
    KEY_ID,
    MASTER,
    NETWORKS,
    SEAT_ADDRESSES,
    VOTE_KEY,
    Agent,
    SeatProcess,
    Site,
    free_ports,
)

from nfvi_ha.api.names import ANNOTATION_ADDRESSES, TAINT_HYPERVISOR_FAILED
from nfvi_ha.core.wire.inventory import VmEntry
from nfvi_ha.kube.resources import INCIDENTS, NODES, SECRETS
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.sentinel.scribe.host_view import write_addresses

VM = "web-0-1"


class WholeSite(Site):
    """A site, and what the API server holds of it."""

    world: ScribeWorld

    async def incidents(self, kind: str, node: str) -> list[Obj]:
        """Incidents of that kind on that node."""
        found = await self.world.client.list(INCIDENTS, self.world.namespace)
        return [one for one in found if one["spec"]["fault"]["kind"] == kind and one["spec"].get("node") == node]

    async def reported(self, kind: str, node: str) -> Obj:
        """The one Incident of that kind, once it says that the VIM has it, and believed by whoever reads seals."""

        async def found() -> Obj | None:
            for one in await self.incidents(kind, node):
                states = [note["state"] for note in one.get("status", {}).get("deliveries", ())]
                if states and set(states) == {"Delivered"}:
                    return one
            return None

        obj: Obj = await eventually(found, f"{kind} of {node} in the API, delivered")
        assert await self.world.believed(obj) is not None
        assert len(await self.incidents(kind, node)) == 1
        return obj

    async def until_cleared(self, kind: str, node: str) -> None:
        """Until the one Incident of that kind says that it is over, and says nothing else."""

        async def as_wanted() -> bool:
            (one,) = await self.incidents(kind, node)
            return [action["name"] for action in one["status"].get("actions", ())] == ["cleared"]

        await eventually(as_wanted, f"{kind} of {node} cleared in the API")

    async def until_tainted(self, node: str, *, tainted: bool) -> None:
        """Until the Node bears our taint, or bears it no more."""

        async def as_wanted() -> bool:
            spec = (await self.world.client.get(NODES, node))["spec"]
            return tainted == any(taint["key"] == TAINT_HYPERVISOR_FAILED for taint in spec.get("taints", ()))

        await eventually(as_wanted, f"{node} tainted: {tainted}")


@asynccontextmanager
async def whole_site(world: ScribeWorld, directory: Path) -> AsyncIterator[WholeSite]:
    """Start it, and wait until all sentinels know it."""
    vim = Receiver(ReceiverSettings())
    url = await vim.start()
    ports = free_ports()
    hosts = [
        Agent(number, [[(address, port) for port in ports] for address in SEAT_ADDRESSES]) for number in (1, 2, 3, 4)
    ]
    seats = [_seat(world, directory / f"seat-{number}", number, ports) for number in range(3)]
    site = WholeSite(directory, vim, hosts, seats, lambda number: seats[number], ports)
    site.world = world
    try:
        for host in hosts:
            await host.start()
        await _set_up(world, url, hosts)
        await asyncio.gather(*(seat.start() for seat in seats))
        await site.settled()
        yield site
    finally:
        await asyncio.gather(*(host.close() for host in hosts))
        await asyncio.gather(*(seat.stop() for seat in seats))
        await vim.stop()


async def _set_up(world: ScribeWorld, url: str, hosts: list[Agent]) -> None:
    keys = {f"master-{KEY_ID}": b64encode(MASTER).decode(), "vote": b64encode(VOTE_KEY).decode(), "master-1": None}
    await world.client.patch(SECRETS, "nfvi-ha-beat-keys", {"data": keys}, world.namespace)
    retry = {"initialBackoff": "200ms", "maxBackoff": "500ms"}
    await world.endpoint(f"vim-{world.namespace}", url=url, allowInsecure=True, retry=retry)
    for host in hosts:
        place = write_addresses(dict(zip(NETWORKS, host.addresses, strict=True)), 7946)
        await world.node(host.node, annotations={ANNOTATION_ADDRESSES: place})
        status = {
            "nodeInfo": {"bootID": host.boot_id},
            "daemonEndpoints": {"kubeletEndpoint": {"Port": host.service_port}},
        }
        await world.client.patch(NODES, host.node, {"status": status}, subresource="status")
        name = f"{VM}-{host.node}"
        made = await world.vm(name, host.node)
        host.vms = [VmEntry(made["uid"], world.namespace, name)]
        host.tell_inventory()


def _seat(world: ScribeWorld, directory: Path, number: int, ports: list[int]) -> SeatProcess:
    directory.mkdir()
    argv = [sys.executable, "-m", "nfvi_ha", "sentinel", "run", "--seat", str(number), "--cluster", CLUSTER]
    argv += ["--state-dir", str(directory / "state"), "--port", str(ports[number]), "--metrics-port", "0"]
    argv += ["--host", "127.0.0.1", "--port-file", str(directory / "ports"), "--log-format", "text"]
    argv += ["--kubeconfig", str(world.plane.kubeconfig), "--namespace", world.namespace, "--operator-replicas", "0"]
    for network, address in zip(NETWORKS, SEAT_ADDRESSES, strict=True):
        argv += ["--address", f"{network}={address}"]
        for other, port in enumerate(ports):
            if other != number:
                argv += ["--peer", f"{other}/{network}={address}:{port}"]
    return SeatProcess(argv, directory)
