"""The node's keys: from the key service over TLS, from the cache while it is away (DESIGN section 5, Keys).

``POST <url>`` with the pod's ServiceAccount token answers ``{"keys": {"<id>": hex}, "cluster": name}``. The service
knows by the token (TokenReview -> pod -> node) whose keys to hand out.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import orjson

from nfvi_ha.agent import cache
from nfvi_ha.agent.config import KeyService
from nfvi_ha.agent.handed_out import HandedOut, parse_handed_out
from nfvi_ha.kube.backoff import Backoff

log = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 600.0
"""A new key is handed out so long before the old one ends; up to a fifth less, by chance, to spread the load."""
TIMEOUT_SECONDS: Final = 5.0
MAX_ANSWER_BYTES: Final = 64 * 1024


class KeyRefused(Exception):  # noqa: N818
    """The key service did not answer, or not with keys; the message says how."""


class KeyClient:
    """Asks at the start, about every ten minutes, and again with a back-off while it fails."""

    def __init__(
        self,
        service: KeyService,
        cluster: str,
        cached: Path,
        use: Callable[[HandedOut], None],
        count: Callable[[str], None],
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._service = service
        self._cluster = cluster
        self._cached = cached
        self._use = use
        self._count = count
        self._rng = rng

    async def run(self) -> None:
        """For ever; what was used last stays in use while there is no answer."""
        backoff = Backoff(self._rng, first_seconds=0.5, max_seconds=60.0)
        while True:
            try:
                handed = await self.ask()
            except KeyRefused as error:
                self._count("failed")
                log.warning("no keys from the key service", extra={"url": self._service.url, "error": str(error)})
                await asyncio.sleep(backoff.next_seconds())
                continue
            self._count("ok")
            backoff.reset()
            self._use(handed)
            await asyncio.to_thread(self._keep, handed)
            await asyncio.sleep(REFRESH_SECONDS * (1 - self._rng() / 5))

    async def ask(self) -> HandedOut:
        """Ask once.

        Raises:
            KeyRefused: no answer, or another than keys for this cluster.
        """
        try:
            # Read anew each time: the kubelet replaces both files.
            token = (await asyncio.to_thread(Path(self._service.token_file).read_text)).strip()
            context = await asyncio.to_thread(ssl.create_default_context, cafile=self._service.ca_file or None)
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self._service.url,
                    headers={"Authorization": f"Bearer {token}"},
                    ssl=context,
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status != 200:
                    raise KeyRefused(f"HTTP {answer.status}")
                body = await answer.content.read(MAX_ANSWER_BYTES)
        except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
            raise KeyRefused(f"{type(error).__name__}: {error}") from error
        return self._parse(body)

    def _parse(self, body: bytes) -> HandedOut:
        try:
            handed = parse_handed_out(orjson.loads(body))
        except ValueError as error:
            raise KeyRefused(str(error)) from error
        if self._cluster and handed.cluster != self._cluster:
            raise KeyRefused(f"keys of cluster {handed.cluster!r}, not {self._cluster!r}")
        return handed

    def _keep(self, handed: HandedOut) -> None:
        try:
            cache.write(self._cached, handed.to_json())
        except OSError as error:
            self._count("not-kept")
            log.warning("keys cannot be kept", extra={"path": str(self._cached), "error": str(error)})
