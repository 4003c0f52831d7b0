"""One operator process from its start to its end."""

import asyncio
import contextlib
import logging
import os
import signal
from typing import Final

from prometheus_client import CollectorRegistry

from nfvi_ha.health import HealthServer
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.resources import NAMESPACES
from nfvi_ha.operator.app import Operator
from nfvi_ha.operator.settings import OperatorSettings

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 0.5


async def run_operator(settings: OperatorSettings) -> None:
    """Connect and run one replica until SIGTERM or SIGINT.

    The probes are served from the first moment: that the API server is away is no reason to be killed.

    Raises:
        KubeConfigError: no usable credentials.
        OSError: the port of the probes cannot be used.
    """
    if settings.kubeconfig is not None:
        os.environ["KUBECONFIG"] = settings.kubeconfig  # kopf finds its credentials by itself
    registry = CollectorRegistry()
    server = HealthServer(registry, lambda: ["the API server was not reached yet"])
    port = await server.start(settings.host, settings.port, settings.port_file)
    log.info("operator starts", extra={"identity": settings.identity, "port": port})
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with await KubeClient.connect(settings.kubeconfig, user_agent="nfvi-ha-operator") as client:
            cluster = settings.cluster or await _cluster_id(client, stop)
            if not stop.is_set():
                operator = Operator(settings, client, cluster, registry, stop)
                server.not_ready = operator.not_ready
                await operator.run()
    finally:
        await server.stop()


async def _cluster_id(client: KubeClient, stop: asyncio.Event) -> str:
    """The uid of namespace kube-system, which every cluster has and no two share; "" if we are stopped first."""
    while not stop.is_set():
        try:
            return str((await client.get(NAMESPACES, "kube-system"))["metadata"]["uid"])
        except KubeError as error:
            log.warning("API server not reached", extra={"error": str(error)})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
    return ""
