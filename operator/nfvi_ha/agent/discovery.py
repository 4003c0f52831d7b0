"""Where the sentinels are: told by their pods' annotation, cached for starts without an API server."""

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson
from prometheus_client import CollectorRegistry

from nfvi_ha.agent import cache
from nfvi_ha.agent.beat.destinations import parse_rows
from nfvi_ha.agent.config import SentinelAddress
from nfvi_ha.api.names import ANNOTATION_ADDRESSES
from nfvi_ha.core.wire.nonces import SEATS
from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.informer import Informer
from nfvi_ha.kube.informer_metrics import InformerMetrics
from nfvi_ha.kube.resources import PODS

log = logging.getLogger(__name__)

SENTINEL_SELECTOR: Final = "app.kubernetes.io/component=sentinel"
Places = tuple[SentinelAddress, ...]


class Discovery:
    """Watches the sentinels' pods. A seat whose pod is away keeps its last address: it will mostly come back there."""

    def __init__(
        self,
        namespace: str,
        cached: Path,
        use: Callable[[Places], None],
        registry: CollectorRegistry,
    ) -> None:
        self._namespace = namespace
        self._cached = cached
        self._use = use
        self._metrics = InformerMetrics(registry)
        self._seats: dict[int, Places] = {}

    def recall(self) -> None:
        """Use what the cache has, until the pods say otherwise. A damaged cache is no cache."""
        try:
            found = parse_rows(cache.read(self._cached) or [])
        except (OSError, ValueError, TypeError) as error:
            log.warning("cached sentinels not used", extra={"path": str(self._cached), "error": str(error)})
            return
        for place in found:
            self._seats[place.seat] = (*self._seats.get(place.seat, ()), place)
        if found:
            self._use(tuple(found))

    async def run(self, client: KubeClient) -> None:
        """For ever."""
        informer = Informer(
            client,
            PODS,
            places,
            on_change=self._changed,
            namespace=self._namespace,
            label_selector=SENTINEL_SELECTOR,
            metrics=self._metrics,
            name="sentinels",
        )
        await informer.run()

    def _changed(self, change: Change[Places]) -> None:
        if change.new is None or not change.new:
            return
        seat = change.new[0].seat
        if self._seats.get(seat) == change.new:
            return
        self._seats[seat] = change.new
        found = tuple(place for number in sorted(self._seats) for place in self._seats[number])
        log.info("sentinel found", extra={"seat": seat, "addresses": [place.address for place in change.new]})
        self._use(found)
        asyncio.get_running_loop().run_in_executor(None, self._keep, found)

    def _keep(self, found: Places) -> None:
        rows = [[each.seat, each.network, each.address, each.port] for each in found]
        try:
            cache.write(self._cached, rows)
        except OSError as error:
            log.warning("sentinels cannot be kept", extra={"path": str(self._cached), "error": str(error)})


def places(pod: JsonObject) -> Places | None:
    """The addresses of a sentinel's pod: its seat is the ordinal in its name; None if it does not say them.

    The annotation is ``{"addresses": {network: ip}, "port": n}``.
    """
    metadata = pod.get("metadata") or {}
    ordinal = str(metadata.get("name", "")).rpartition("-")[2]
    text = (metadata.get("annotations") or {}).get(ANNOTATION_ADDRESSES)
    if not ordinal.isdecimal() or int(ordinal) >= SEATS or not isinstance(text, str):
        return None
    value = orjson.loads(text)
    port = int(value["port"])
    if not 0 < port < 65536:
        raise ValueError(f"port {port}")
    return tuple(
        SentinelAddress(int(ordinal), str(network), str(ipaddress.ip_address(address)), port)
        for network, address in sorted(value["addresses"].items())
    )
