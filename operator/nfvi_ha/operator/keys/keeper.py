"""Sees to it that the two Secrets of the key service exist: the keys of beats, and its certificate (leader only)."""

import logging
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from nfvi_ha.core.key_material import KEY_BYTES, SECRET_NAME, VOTE_ENTRY, KeyMaterial
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists
from nfvi_ha.kube.resources import SECRETS
from nfvi_ha.operator.keys.certificate import RENEW_BEFORE, BadCertificate, Serving, make_entries

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

CERTIFICATE_SECRET: Final = "nfvi-ha-key-service"  # noqa: S105 - the name of an object
FIRST_KEY: Final = 1


class KeyKeeper:
    """Makes what is missing. What it made is used once the watch on Secrets shows it, here and in every replica alike.

    Args:
        client: refuses every change that is made without surely holding the Lease.
        namespace: our own.
        names: host names and addresses that agents reach the service by.
        now: wall clock, UTC.
        random: so many random bytes.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        names: tuple[str, ...],
        *,
        now: Callable[[], datetime],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._names = names
        self._now = now
        self._random = random

    async def ensure_keys(self, known: KeyMaterial) -> None:
        """Make the Secret with the keys: those that are in use, if it was deleted, else new ones.

        Raises:
            KubeError: it could not be made; ask again.
        """
        masters = dict(known.masters) or {FIRST_KEY: self._random(KEY_BYTES)}
        entries = {f"master-{identity}": key for identity, key in masters.items()}
        entries[VOTE_ENTRY] = known.vote or self._random(KEY_BYTES)
        if await self._create(SECRET_NAME, entries, "Opaque"):
            log.info("keys of beats made", extra={"keys": sorted(masters)})

    async def ensure_certificate(self, present: Mapping[str, bytes] | None) -> None:
        """Make the Secret with the certificate if it is missing, and renew in time what we made.

        Args:
            present: entries of the Secret, None if there is none. A certificate of others is never touched.

        Raises:
            KubeError: it could not be made; ask again.
        """
        if present is None:
            if await self._create(CERTIFICATE_SECRET, make_entries(self._names, self._now()), "kubernetes.io/tls"):
                log.info("certificate of the key service made", extra={"names": self._names})
        elif self._ends_soon(present):
            data = _encoded(make_entries(self._names, self._now()))
            await self._client.patch(SECRETS, CERTIFICATE_SECRET, {"data": data}, self._namespace)
            log.info("certificate of the key service renewed", extra={"names": self._names})

    def _ends_soon(self, entries: Mapping[str, bytes]) -> bool:
        try:
            serving = Serving.from_entries(entries)
            return serving.is_ours() and serving.expires_at() - self._now() < RENEW_BEFORE
        except BadCertificate:
            return False  # whoever made it has to mend it; that it is not served is told

    async def _create(self, name: str, entries: Mapping[str, bytes], type_: str) -> bool:
        metadata = {"name": name, "namespace": self._namespace}
        body: JsonObject = {"metadata": metadata, "type": type_, "data": _encoded(entries)}
        try:
            await self._client.create(SECRETS, body, self._namespace)
        except AlreadyExists:
            return False
        return True


def _encoded(entries: Mapping[str, bytes]) -> dict[str, str]:
    return {name: b64encode(value).decode() for name, value in entries.items()}
