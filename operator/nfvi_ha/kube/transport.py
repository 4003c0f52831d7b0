"""One aiohttp session to one API server: credentials, TLS and sockets by ``kubernetes.aio``, bytes by us.

Its generated client would turn every answer into pydantic models with all their fields; we read a few of them from
JSON, thousands of times a second, so only its configuration loading, TLS set-up and session are used.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from nfvi_ha.kube.errors import KubeConfigError

CONNECT_SECONDS: Final = 3.0
# A dead API server (power off, cable) is seen after about 5 s instead of the kernel's 15 minutes.
_SOCKET_OPTIONS: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 2),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 5000),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
)

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
Load = Callable[[Configuration], Awaitable[None]]


def keepalive_socket(address: AddrInfo) -> socket.socket:
    """A TCP socket that notices a dead peer within about 5 s (options the platform lacks are left out)."""
    sock = socket.socket(address[0], address[1], address[2])
    for level, name, value in _SOCKET_OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(level, option, value)
    return sock


class _Rest(RESTClientObject):  # type: ignore[misc, unused-ignore]
    """The package's session, on our sockets."""

    def _create_connector(self) -> aiohttp.TCPConnector:
        # No limit here: the client bounds ordinary requests itself, so that a burst of them never keeps a
        # Lease renewal or a watch waiting for a connection.
        return aiohttp.TCPConnector(limit=0, ssl=self.ssl_context, socket_factory=keepalive_socket)


class Transport:
    """The session and what goes into each request: ``url``, ``headers``, ``request_options``."""

    def __init__(self, configuration: Configuration, load: Load, user_agent: str) -> None:
        configuration.client_session_kwargs = {
            # Looking into the environment costs a thread hop per request; a proxy belongs into the kubeconfig.
            "trust_env": False,
            "cookie_jar": aiohttp.DummyCookieJar(),
            "skip_auto_headers": ("Accept-Encoding", "User-Agent"),
        }
        self._configuration = configuration
        self._load = load
        self._renewing = asyncio.Lock()
        self._headers = {"Accept": "application/json", "User-Agent": user_agent}
        rest = _Rest(configuration)
        self.session: aiohttp.ClientSession = rest._create_pool_manager()  # its documented factory; the session is ours
        self.host: str = configuration.host.rstrip("/")
        self.request_options: dict[str, Any] = {}
        if configuration.tls_server_name:
            self.request_options["server_hostname"] = configuration.tls_server_name
        if configuration.proxy:
            self.request_options |= {"proxy": configuration.proxy, "proxy_headers": configuration.proxy_headers}

    async def headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Headers of one request, with credentials that are fresh (service account tokens rotate)."""
        headers = {**self._headers, **extra}
        settings: Mapping[str, Any] = await self._configuration.auth_settings()  # reads a rotated token again
        for setting in settings.values():
            if setting["value"]:
                headers[setting["key"]] = setting["value"]
        return headers

    async def renew_credentials(self, refused: str | None) -> bool:
        """Read the credentials again after a 401; whether there are others now than the refused ones.

        Client certificates stay those of the start.
        """
        async with self._renewing:
            if (await self.headers({})).get("authorization") == refused:
                await self._load(self._configuration)
            return (await self.headers({})).get("authorization") != refused

    async def close(self) -> None:
        """Close the session and its connections."""
        await self.session.close()


async def open_transport(
    kubeconfig: str | None, context: str | None, in_cluster: bool | None, user_agent: str, environ: Mapping[str, str]
) -> Transport:
    """A transport from, in this order: the given kubeconfig, $KUBECONFIG, the pod's service account, ~/.kube/config.

    Raises:
        KubeConfigError: nothing there, or it cannot be used.
    """
    path = kubeconfig or (None if in_cluster else environ.get("KUBECONFIG"))
    if in_cluster is None:
        in_cluster = path is None and bool(environ.get("KUBERNETES_SERVICE_HOST"))
    if path is None:
        path = str(Path.home() / ".kube" / "config")

    async def load(configuration: Configuration) -> None:
        source = "the pod's service account" if in_cluster else f"kubeconfig {path}"
        try:
            if in_cluster:
                load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                _require_readable(path)
                await load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=path, context=context, client_configuration=configuration, persist_config=False
                )
        except (ConfigException, OSError, yaml.YAMLError, ValueError, KeyError, TypeError) as error:
            raise KubeConfigError(f"{source} cannot be used: {error}") from error

    configuration = Configuration()
    await load(configuration)
    try:
        return Transport(configuration, load, user_agent)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise KubeConfigError(f"the certificates of kubeconfig {path} cannot be used: {error}") from error


def _require_readable(paths: str) -> None:
    """A kubeconfig that is not there gets a plain message (the loader only logs it and fails later)."""
    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep)):
        raise KubeConfigError(f"no kubeconfig at {paths}: give one with --kubeconfig or $KUBECONFIG")
