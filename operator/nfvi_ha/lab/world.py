"""A whole lab: control plane, CRDs, simulated NFVI, VIM receiver and operators, started in order and ended together."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import orjson

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.lab import control
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.progress import ProgressSink, silent
from nfvi_ha.lab.desk import LabDesk
from nfvi_ha.lab.eyes import Keys, sentinels_of, watched_site
from nfvi_ha.lab.hypervisor.node import NodeSpec
from nfvi_ha.lab.network.client import Network, NetworkProcess, describe
from nfvi_ha.lab.network.plan import Host, Mode
from nfvi_ha.lab.nfvi import Hosts, Nfvi
from nfvi_ha.lab.operators import OperatorReplicas, Operators
from nfvi_ha.lab.sentinels import SentinelSeats
from nfvi_ha.lab.setup import apply_crds
from nfvi_ha.lab.timings import DEFAULT_TIMINGS, LabTimings
from nfvi_ha.lab.vim import KEY_ID, register_endpoint
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings

ACCESS_FILE: Final = "lab.json"
NETWORK: Final = "network"
"""Directory of the networks' process."""
SENTINELS: Final = "sentinels"
API_PORT: Final = 6443
"""Where hosts find the API server on the management network."""


@dataclass(frozen=True, slots=True)
class LabOptions:
    """How large a lab is, and how fast its simulated parts are. Quantities are Kubernetes quantities, per node."""

    hypervisors: int = 4
    operators: int = 1
    cpu: str = "16"
    memory: str = "64Gi"
    sentinels: int = 3
    agents: bool = True
    """Whether hypervisors run agents. Without, there are no sentinels either: all detection is by the API."""
    network: Mode | None = None
    """How hypervisors are kept apart; None: in namespaces where they are permitted."""
    seed: int = 1
    timings: LabTimings = field(default=DEFAULT_TIMINGS)

    def nodes(self) -> list[NodeSpec]:
        """The hypervisors, spread over two zones."""
        return [
            NodeSpec(f"hypervisor-{index + 1}", cpu=self.cpu, memory=self.memory, zone=f"zone-{'ab'[index % 2]}")
            for index in range(self.hypervisors)
        ]

    def hosts(self) -> list[Host]:
        """All hosts that have links."""
        hypervisors = [Host.hypervisor(node.name, index) for index, node in enumerate(self.nodes())]
        return [*(Host.sentinel(seat) for seat in range(self.sentinels if self.agents else 0)), *hypervisors]

    def describe(self) -> str:
        """What there will be, in words."""
        sentinels = f"{self.sentinels} sentinel(s)" if self.agents else "no sentinels"
        return f"{self.hypervisors} hypervisors, {sentinels} and {self.operators} operator(s)"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "timings": self.timings.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The reverse of ``to_json``."""
        network = Mode(values["network"]) if values["network"] else None
        return cls(**{**values, "network": network, "timings": LabTimings.from_json(values["timings"])})


@dataclass(frozen=True, slots=True)
class LabAccess:
    """All that another process of this machine needs to use a running lab."""

    state_dir: Path
    kubeconfig: Path
    kubernetes: str
    """The server's version, e.g. "1.20.2"."""
    vim_url: str
    options: LabOptions

    @property
    def hosts(self) -> Hosts:
        """The hypervisors."""
        return Hosts(self.state_dir)

    @property
    def sentinels(self) -> SentinelSeats:
        """The sentinels."""
        return SentinelSeats(self.state_dir / SENTINELS)

    @property
    def network(self) -> Network | None:
        """The networks of the hosts."""
        return Network.read(self.state_dir / NETWORK)

    @property
    def operators(self) -> OperatorReplicas:
        """The operator's replicas."""
        return OperatorReplicas(self.state_dir / "operators")

    def write(self) -> None:
        """Leave it in the state directory, for ``read``."""
        values = {
            "kubeconfig": str(self.kubeconfig),
            "kubernetes": self.kubernetes,
            "vimUrl": self.vim_url,
            "options": self.options.to_json(),
        }
        new = self.state_dir / f"{ACCESS_FILE}.new"
        new.write_bytes(orjson.dumps(values))
        new.replace(self.state_dir / ACCESS_FILE)

    @classmethod
    def read(cls, state_dir: Path) -> Self | None:
        """What a lab left there; None without one. Whether it still runs is another question."""
        try:
            values = orjson.loads((state_dir / ACCESS_FILE).read_bytes())
        except FileNotFoundError:
            return None
        return cls(
            state_dir=state_dir,
            kubeconfig=Path(values["kubeconfig"]),
            kubernetes=values["kubernetes"],
            vim_url=values["vimUrl"],
            options=LabOptions.from_json(values["options"]),
        )


class Lab:
    """A running lab; everything in it is a child of this process and ends with it, however that ends."""

    def __init__(
        self, access: LabAccess, plane: ControlPlane, nfvi: Nfvi, receiver: Receiver, stack: AsyncExitStack
    ) -> None:
        self.access = access
        self.plane = plane
        self.nfvi = nfvi
        self.receiver = receiver
        self._stack = stack

    @classmethod
    async def start(
        cls,
        state_dir: Path,
        options: LabOptions = LabOptions(),
        *,
        assets: Assets | None = None,
        progress: ProgressSink = silent,
        on_record: Callable[[Record, float | None], None] | None = None,
    ) -> Self:
        """Start everything in the (empty) state directory; returns when the operators are ready.

        Raises:
            ControlPlaneError: there is no control plane to be had, or it does not start.
            LabFailed: one of the other parts does not start; its message has the end of a log.
            KubeError: the API server refused something.
        """
        root = _prepared(state_dir)
        async with AsyncExitStack() as stack:
            networks = NetworkProcess(root / NETWORK)
            stack.push_async_callback(networks.stop)
            wiring = asyncio.create_task(networks.start(options.hosts(), options.network))
            stack.push_async_callback(_ended, wiring)
            plane = await ControlPlane.start(root / "control-plane", assets=assets, log=progress)
            stack.push_async_callback(plane.stop)
            key = secrets.token_hex(32)
            receiver = Receiver(ReceiverSettings(keys={KEY_ID: key.encode()}), on_record=on_record)
            url = await receiver.start()
            stack.push_async_callback(receiver.stop)
            network = await wiring
            progress("lab", describe(network))
            keys = Keys.new() if options.agents else None
            relayed = plane.kubeconfig_through(*await network.relay_to_machine(API_PORT, plane.ports.apiserver))
            seats = options.sentinels if options.agents else 0
            site = watched_site(network, options.hosts(), relayed, keys, seats)
            vim_port = urlsplit(url).port or 0
            sentinels = await sentinels_of(root / SENTINELS, network, seats, vim_port, relayed, options.operators)
            nfvi = Nfvi(root, plane.kubeconfig, options.nodes(), options.timings, seed=options.seed, site=site)
            operators = Operators(root / "operators", plane.kubeconfig, options.operators)
            stack.push_async_callback(sentinels.stop)
            stack.push_async_callback(nfvi.stop)
            stack.push_async_callback(operators.stop)
            async with await KubeClient.connect(str(plane.kubeconfig), user_agent="nfvi-ha-lab") as client:
                progress("lab", "applying the CRDs")
                await apply_crds(client)
                await register_endpoint(client, url, key)
                if keys is not None:
                    await keys.install(client)
                progress("lab", f"starting {options.describe()}")
                await asyncio.gather(nfvi.start(client), operators.start(), sentinels.start())
            access = LabAccess(root, plane.kubeconfig, plane.assets.version_text, url, options)
            await stack.enter_async_context(control.serve(root, LabDesk(plane, nfvi).answer))
            access.write()
            stack.callback((root / ACCESS_FILE).unlink, missing_ok=True)
            progress("lab", "ready")
            return cls(access, plane, nfvi, receiver, stack.pop_all())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End everything; logs stay in the state directory."""
        await self._stack.aclose()


async def _ended(task: "asyncio.Task[Network]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _prepared(state_dir: Path) -> Path:
    root = state_dir.resolve()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root
