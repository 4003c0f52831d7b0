"""What every run of a scenario has: the lab as it uses it, its options, its VNF, and what it measured."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Final

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Faults
from nfvi_ha.lab.host_faults import HostFaults
from nfvi_ha.lab.sentinel_view import wait_seats
from nfvi_ha.lab.vim import VimView
from nfvi_ha.lab.vnf import Vnf
from nfvi_ha.lab.world import LabAccess

FIRST_READY_SECONDS: Final = 120.0
STEP_SECONDS: Final = 90.0
"""Longest wait for any one thing that must follow a fault."""
QUIET_SECONDS: Final = 1.0
"""After a fault that must not be replaced, or not be reported, it is watched for so long beyond the rest."""
_POLL_SECONDS: Final = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One fault and what followed, in milliseconds from the fault, by measure; None for what must not happen."""

    values: Mapping[str, float | None]

    def to_json(self) -> dict[str, float | None]:
        """With one decimal, as no clock here is better."""
        return {name: None if value is None else round(value, 1) for name, value in self.values.items()}

    def __str__(self) -> str:
        values = self.to_json()
        return "  ".join(
            f"{name.removesuffix('_ms')} {value} ms" for name, value in values.items() if value is not None
        )


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a scenario is run."""

    count: int
    replicas: int = 5
    vms: int | None = None
    """So many VMs on the host that is hit, and none elsewhere; None: ``replicas``, spread. For faults on hosts."""
    seed: int = 1
    kill_leader: bool = False
    """Also SIGKILL the leading operator, just before each fault."""
    kill_sentinel: bool = False
    """Also SIGKILL a sentinel, just before each fault."""
    lab_ends: bool = False
    """Whether the lab ends after it, so that its last VNF need not be put away."""


@dataclass(frozen=True, slots=True)
class Session:
    """A lab as scenarios use it."""

    access: LabAccess
    client: KubeClient
    vim: VimView
    faults: Faults
    host_faults: HostFaults


@asynccontextmanager
async def open_session(access: LabAccess) -> AsyncIterator[Session]:
    """Connect to a running lab, this process's own or another's."""
    async with (
        await KubeClient.connect(str(access.kubeconfig), user_agent="nfvi-ha-lab") as client,
        VimView(access.vim_url) as vim,
    ):
        host_faults = HostFaults(access.state_dir, access.hosts, access.network)
        yield Session(access, client, vim, Faults(access.hosts, client), host_faults)


@asynccontextmanager
async def new_vnf(session: Session, replicas: int, *, remove: bool = True, node: str = "") -> AsyncIterator[Vnf]:
    """A VNFReplicaSet with all VMs Ready.

    Args:
        session: the lab.
        replicas: how many VMs.
        remove: delete it afterwards (a lab that ends anyway need not wait).
        node: the hypervisor that all VMs are on; "" lets the scheduler spread them.

    Raises:
        LabFailed: its VMs were not Ready in time.
    """
    vnf = Vnf(session.client, f"vnf-{secrets.token_hex(4)}", replicas, node=node)
    watching = asyncio.create_task(vnf.run())
    try:
        await vnf.create()
        await within(vnf.wait_all_ready(FIRST_READY_SECONDS))
        yield vnf
        if remove:
            await within(vnf.remove())
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def kill_leader(session: Session) -> None:
    """SIGKILL the leader; before that all replicas are ready, so that the others are as hot as they ever get.

    Raises:
        LabFailed: there is no leader to kill, or nobody to take over.
    """
    replicas = session.access.operators
    deadline = time.monotonic() + STEP_SECONDS
    while (waiting := await replicas.not_ready()) or (leader := await replicas.leader(session.client)) is None:
        if time.monotonic() > deadline:
            raise LabFailed(f"no ready leader to kill: {waiting or 'nobody holds the Lease'}")
        await asyncio.sleep(_POLL_SECONDS)
    replicas.signal(leader, signal.SIGKILL)


async def kill_beside(session: Session, options: RunOptions, random: Random) -> None:
    """SIGKILL what the options want killed just before a fault, once all of its kind are as well as they ever get.

    Raises:
        LabFailed: there is none to kill, or nobody to take over.
    """
    access, network = session.access, session.access.network
    if options.kill_leader:
        if len(access.operators.names()) < 2:
            raise LabFailed("--kill-leader needs a lab with at least two operators: nfvi-ha lab up --operators 2")
        await kill_leader(session)
    if options.kill_sentinel:
        if network is None or len(access.sentinels.names()) < 3:
            raise LabFailed("--kill-sentinel needs a lab with three sentinels")
        await wait_seats(network, access.sentinels, access.options.hypervisors, STEP_SECONDS)
        access.sentinels.kill_any(random)


async def within(awaitable: Awaitable[object]) -> None:
    """Await it; running out of time is the scenario's failure.

    Raises:
        LabFailed: it raised TimeoutError.
    """
    try:
        await awaitable
    except TimeoutError as error:
        raise LabFailed(str(error) or "not in time") from error
