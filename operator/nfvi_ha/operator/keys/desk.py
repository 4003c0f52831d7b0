"""All about keys in one replica: what the Secrets hold now, who makes them, and the service that hands keys out."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from nfvi_ha.core.key_material import SECRET_NAME, KeyMaterial, read_keys
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.lease import NotLeader
from nfvi_ha.operator.keys.certificate import BadCertificate, Serving, server_context
from nfvi_ha.operator.keys.keeper import CERTIFICATE_SECRET, KeyKeeper
from nfvi_ha.operator.keys.service import KeyService
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.settings import OperatorSettings
from nfvi_ha.reporting.endpoint import Secret

log = logging.getLogger(__name__)

Secrets = Callable[[], Mapping[str, Secret]]
"""The Secrets of our namespace by name, as they are now."""
PERIOD_SECONDS: Final = 1.0
"""How often it is looked whether the Secrets are there."""


class KeyDesk:
    """Holds the keys and the certificate as the watch shows them.

    Args:
        settings: where to serve.
        keeper: makes the Secrets.
        secrets: of our namespace, as the watch shows them.
        leading: whether this replica holds the Lease, and has seen everything once.
        metrics: where errors and refusals are counted.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        keeper: KeyKeeper,
        *,
        secrets: Secrets,
        leading: Callable[[], bool],
        metrics: OperatorMetrics,
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._secrets = secrets
        self._leading = leading
        self._metrics = metrics
        self._context: ssl.SSLContext = server_context()
        self._serving: Serving | None = None
        self._usable = asyncio.Event()
        self._serves = False
        self.keys = KeyMaterial()
        """Those of a Secret that is deleted stay in use, and are what it is made again from."""

    def not_ready(self) -> list[str]:
        """What is missing to hand out keys, in words; empty when there is nothing, or when it is not asked for."""
        if self._settings.key_service_port is None or self._serves:
            return []
        return ["the key service has no usable certificate yet"]

    def secrets_changed(self) -> None:
        """A Secret of our namespace changed, perhaps one of ours."""
        secrets = self._secrets()
        if (secret := secrets.get(SECRET_NAME)) is not None:
            self._take_keys(read_keys(secret.data))
        if (secret := secrets.get(CERTIFICATE_SECRET)) is not None:
            self._take_certificate(secret)

    async def keep(self) -> None:
        """See to it for ever that both Secrets are there."""
        while True:
            if self._leading():
                secrets = self._secrets()
                if SECRET_NAME not in secrets:
                    await self._try(self._keeper.ensure_keys(self.keys))
                certificate = secrets.get(CERTIFICATE_SECRET)
                if self._settings.key_service_port is not None:
                    await self._try(self._keeper.ensure_certificate(certificate.data if certificate else None))
            await asyncio.sleep(PERIOD_SECONDS)

    async def serve(self, service: KeyService) -> None:
        """Hand out keys for ever, from the first usable certificate on.

        Raises:
            OSError: the port cannot be used.
        """
        settings = self._settings
        if settings.key_service_port is None:
            return
        await self._usable.wait()
        await service.start(settings.host, settings.key_service_port, settings.key_service_port_file, self._context)
        self._serves = True
        try:
            await asyncio.Event().wait()
        finally:
            await service.stop()

    def _take_keys(self, keys: KeyMaterial) -> None:
        if keys == self.keys:
            return
        for name in keys.rejected:
            log.error("key not used", extra={"object": SECRET_NAME, "entry": name})
            self._metrics.refused("Secret", "NoKey")
        if keys.masters and keys.vote:
            self.keys = keys
            log.info("keys of beats", extra={"keys": sorted(keys.masters)})
        else:
            log.error("no usable keys of beats", extra={"object": SECRET_NAME})
            self._metrics.refused("Secret", "NoUsableKey")

    def _take_certificate(self, secret: Secret) -> None:
        try:
            serving = Serving.from_entries(secret.data)
            if serving == self._serving:
                return
            serving.load_into(self._context)
        except BadCertificate as error:
            log.warning("certificate not used", extra={"object": secret.name, "error": str(error)})
            self._metrics.refused("Secret", "BadCertificate")
            return
        self._serving = serving
        self._usable.set()
        log.info("certificate of the key service", extra={"object": secret.name})

    async def _try(self, work: Awaitable[None]) -> None:
        """Something that only the leader does; an error is for the next time."""
        try:
            await work
        except (KubeError, NotLeader) as error:
            self._metrics.work_error("keys", error)
            log.warning("work is tried again", extra={"queue": "keys", "error": str(error)})
