"""The three processes of one control plane: their ports, their order, and when each of them is ready."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Self

from nfvi_ha.lab.controlplane import certificates, flags, kubeconfig, ports
from nfvi_ha.lab.controlplane.api import ApiCaller
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.certificates import Certificates
from nfvi_ha.lab.controlplane.errors import ControlPlaneError, StartFailed
from nfvi_ha.lab.controlplane.flags import LOOPBACK, Ports
from nfvi_ha.lab.controlplane.layout import Layout, Record
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.controlplane.progress import ProgressSink

ETCD: Final = "etcd"
APISERVER: Final = "kube-apiserver"
CONTROLLER_MANAGER: Final = "kube-controller-manager"
STOP_ORDER: Final = (CONTROLLER_MANAGER, APISERVER, ETCD)

START_ATTEMPTS: Final = 3
READY_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.1
STOP_GRACE_SECONDS: Final = 5.0
PORT_TAKEN: Final = "address already in use"
DEFAULT_ACCOUNT: Final = "/api/v1/namespaces/default/serviceaccounts/default"


class Servers:
    """Starts, stops and restarts the processes; holds nothing of an event loop."""

    def __init__(self, layout: Layout, assets: Assets, chosen: Ports, *, detach: bool) -> None:
        self.layout = layout
        self.assets = assets
        self.ports = chosen
        self.certificates = Certificates.in_dir(layout.pki)
        self.url = f"https://{LOOPBACK}:{chosen.apiserver}"
        self.api = ApiCaller(self.url, self.certificates.ca.cert, self.certificates.admin)
        etcd_url = f"https://{LOOPBACK}:{chosen.etcd_client}"
        self.etcd_api = ApiCaller(etcd_url, self.certificates.etcd_ca.cert, self.certificates.etcd_client)
        self.daemons: dict[str, Daemon] = {}
        self._port_hold: ports.PortHold | None = None
        self._detach = detach

    @classmethod
    async def start(cls, layout: Layout, assets: Assets, *, log: ProgressSink, detach: bool) -> Self:
        """Starts all on free ports, as a new and empty cluster, and returns when they serve.

        Raises StartFailed; ControlPlaneError when ``layout`` has running ones. Nothing is left running then.
        """
        _refuse_second(layout)
        for attempt in range(1, START_ATTEMPTS + 1):
            self = cls(layout, assets, ports.choose(), detach=detach)
            try:
                await self._start_all(log)
            except BaseException as error:
                await self.stop()
                if attempt < START_ATTEMPTS and isinstance(error, StartFailed) and PORT_TAKEN in str(error):
                    log("start", "a chosen port was taken in the meantime, trying others")
                    continue
                raise
            return self
        raise AssertionError("unreachable: the last attempt returns or raises")

    @classmethod
    def attach(cls, layout: Layout) -> Self:
        """Those that a record in ``layout`` tells of, alive or not. Raises ControlPlaneError when there is none."""
        record = Record.read(layout)
        if record is None:
            raise ControlPlaneError(f"no control plane is running in {layout.root}")
        self = cls(layout, record.assets, record.ports, detach=record.detached)
        for name, identity in record.processes.items():
            self.daemons[name] = Daemon.attach(name, identity, layout.log(name))
        return self

    async def stop(self) -> None:
        """Ends all, whatever state they are in; SIGTERM, after 5 s SIGKILL."""
        for name in STOP_ORDER:
            await self.stop_one(name)
        self._release_port()
        self.layout.record.unlink(missing_ok=True)

    async def stop_one(self, name: str, *, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Ends one of them, if it runs (grace 0: SIGKILL at once)."""
        daemon = self.daemons.get(name)
        if daemon is None:
            return
        await daemon.stop(grace_seconds=grace_seconds)
        del self.daemons[name]

    async def stop_apiserver(self, *, grace_seconds: float) -> None:
        """Ends the API server and keeps its port from others until ``start_apiserver`` or ``stop``."""
        if APISERVER in self.daemons:
            await self.stop_one(APISERVER, grace_seconds=grace_seconds)
            self._port_hold = ports.PortHold(self.ports.apiserver)

    async def start_etcd(self) -> None:
        """On its old port and data; returns when it answers."""
        skip = self.assets.etcd_can_skip_fsync
        data = self.layout.etcd_data
        self._spawn(ETCD, flags.etcd(self.assets.etcd, data, self.certificates, self.ports, unsafe_no_fsync=skip))
        await self._wait(ETCD, lambda: self.etcd_api.healthy("/health"))

    async def start_apiserver(self) -> None:
        """On its old port; returns when it is ready."""
        admission = self.assets.kube_controller_manager is not None
        binary = self.assets.kube_apiserver
        argv = flags.apiserver(binary, self.certificates, self.ports, service_account_admission=admission)
        self._release_port()
        self._spawn(APISERVER, argv)
        await self.wait_for_apiserver()

    async def wait_for_apiserver(self) -> None:
        """Returns when it is ready. Raises StartFailed when it ends or takes too long."""
        await self._wait(APISERVER, lambda: self.api.healthy("/readyz"))

    async def start_controller_manager(self) -> None:
        """Returns when there is a default ServiceAccount; at once when there is no such binary."""
        binary = self.assets.kube_controller_manager
        if binary is None:
            return
        config = self.layout.kubeconfigs / f"{CONTROLLER_MANAGER}.conf"
        argv = flags.controller_manager(binary, config, self.certificates, self.assets.version)
        self._spawn(CONTROLLER_MANAGER, argv)
        await self._wait(CONTROLLER_MANAGER, lambda: self.api.healthy(DEFAULT_ACCOUNT))

    def record(self) -> None:
        """Writes down what runs, for commands that come later."""
        Record(
            ports=self.ports,
            processes={name: daemon.identity for name, daemon in self.daemons.items()},
            assets=self.assets,
            detached=self._detach,
        ).write(self.layout)

    async def _start_all(self, log: ProgressSink) -> None:
        self.layout.prepare()
        shutil.rmtree(self.layout.etcd_data, ignore_errors=True)  # an earlier cluster's tokens would not be ours
        certificates.issue(self.layout.pki, now=datetime.now(UTC))
        self._write_kubeconfigs()
        began = time.monotonic()
        log("start", f"etcd ({self.assets.etcd})", 0.1)
        await self.start_etcd()
        log("start", f"kube-apiserver {self.assets.version_text} ({self.assets.source})", 0.2)
        await self.start_apiserver()
        if self.assets.kube_controller_manager is None:
            log("start", "no kube-controller-manager: owned objects are not collected, deleted namespaces stay", 0.9)
        else:
            log("start", "kube-controller-manager", 0.8)
            await self.start_controller_manager()
        self.record()
        log("start", f"{self.url} is ready after {time.monotonic() - began:.1f} s", 1.0)

    def _spawn(self, name: str, argv: list[str]) -> None:
        log = self.layout.log(name)
        self.daemons[name] = Daemon.spawn(name, argv, log=log, cwd=self.layout.root, detach=self._detach)

    async def _wait(self, name: str, ready: Callable[[], Awaitable[bool]]) -> None:
        daemon = self.daemons[name]
        deadline = time.monotonic() + READY_SECONDS
        while not await ready():
            problem = "" if daemon.alive() else "ended while starting"
            if time.monotonic() > deadline:
                problem = f"was not ready within {READY_SECONDS:.0f} s"
            if problem:
                raise StartFailed(f"{name} {problem}; the end of {daemon.log}:\n{daemon.log_tail()}")
            await asyncio.sleep(POLL_SECONDS)

    def _write_kubeconfigs(self) -> None:
        authority = self.certificates.ca.cert
        for path, user, pair in (
            (self.layout.admin_kubeconfig, "admin", self.certificates.admin),
            (
                self.layout.kubeconfigs / f"{CONTROLLER_MANAGER}.conf",
                CONTROLLER_MANAGER,
                self.certificates.controller_manager,
            ),
        ):
            kubeconfig.write_for_certificate(path, self.url, authority, user, pair)

    def _release_port(self) -> None:
        if self._port_hold is not None:
            self._port_hold.release()
            self._port_hold = None


def _refuse_second(layout: Layout) -> None:
    record = Record.read(layout)
    running = record.running() if record is not None else []
    if running:
        raise ControlPlaneError(
            f"{layout.root} already has a running control plane ({', '.join(running)}): stop it first"
        )
