"""The operator's seal on Incidents: what is in a record is sent in our name, so it must be known to be our own.

Two HMAC-SHA256 seals, for two writes of the API: one over name and spec, in an annotation, made with the object; one
over the whole status, in a field of the status itself, so that both are always written together. The status' seal
also covers the object's uid and spec: neither a status nor an object can be carried to another place.
"""

import hashlib
import hmac
import logging
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from nfvi_ha.kube.errors import AlreadyExists, KubeError
from nfvi_ha.kube.resources import SECRETS

if TYPE_CHECKING:
    # The sentinel's hot process reads records and has no Kubernetes client, nor the second that importing one takes.
    from nfvi_ha.kube.client import KubeClient

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

SECRET_NAME: Final = "nfvi-ha-incident-key"  # noqa: S105 - the name of an object
KEY_BYTES: Final = 32
STATUS_SEAL: Final = "seal"
_PURPOSE: Final = b"nfvi-ha.io/incident/v1\n"


class NoSealKey(KubeError):  # noqa: N818 - named as the errors beside it
    """There is no key to seal with yet: the leader makes one. Try again."""

    def __init__(self) -> None:
        super().__init__(0, "NoSealKey", f"Secret {SECRET_NAME} has no key yet; it is made by the leader")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a record carries to be judged by: its seals, and the digests that they must be over."""

    spec_seal: str
    spec_digest: bytes
    status_seal: str
    status_digest: bytes
    """b"" when there is no status."""


NO_PROOF: Final = Proof("", b"", "", b"")


class SealKeys:
    """All keys that are accepted, by id; the one whose id sorts last signs. Keys that are too short are left out."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}

    @property
    def ready(self) -> bool:
        """Whether there is any."""
        return bool(self._keys)

    @property
    def all(self) -> Mapping[str, bytes]:
        """Every key, by id."""
        return self._keys

    def replace(self, keys: Mapping[str, bytes]) -> bool:
        """Take these instead of those known; whether that changed anything. None at all changes nothing.

        A Secret that is deleted is made again from memory: without its key no record could be told from a forgery.
        """
        usable = {identity: key for identity, key in keys.items() if len(key) >= KEY_BYTES}
        if not usable or usable == self._keys:
            return False
        self._keys = usable
        return True

    def sign(self, digest: bytes) -> str:
        """A seal, "<key id>:<hex>".

        Raises:
            NoSealKey: there is no key yet.
        """
        if not self._keys:
            raise NoSealKey
        identity = max(self._keys)
        return f"{identity}:{_mac(self._keys[identity], digest)}"

    def verify(self, seal: str, digest: bytes) -> bool:
        """Whether one of our keys made this seal over this digest."""
        identity, _, mac = seal.rpartition(":")
        key = self._keys.get(identity)
        return key is not None and hmac.compare_digest(_mac(key, digest).encode(), mac.encode())


class SealKeeper:
    """Sees to it that the Secret with the keys exists (leader only)."""

    def __init__(
        self,
        client: "KubeClient",
        namespace: str,
        keys: SealKeys,
        *,
        now: Callable[[], datetime],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._keys = keys
        self._now = now
        self._random = random

    async def ensure(self) -> None:
        """Make the Secret: with the keys that are in use, if it was deleted, else with a new random one.

        Its content is used once the watch on Secrets shows it, here and in every replica alike.

        Raises:
            KubeError: it could not be made; ask again.
        """
        keys = dict(self._keys.all) or {self._now().strftime("k%Y%m%dt%H%M%Sz"): self._random(KEY_BYTES)}
        body = {
            "metadata": {"name": SECRET_NAME, "namespace": self._namespace},
            "type": "Opaque",
            "data": {identity: b64encode(key).decode() for identity, key in keys.items()},
        }
        try:
            await self._client.create(SECRETS, body, self._namespace)
        except AlreadyExists:
            return
        log.info("key of Incidents made", extra={"object": f"{self._namespace}/{SECRET_NAME}", "keys": sorted(keys)})


def spec_digest(namespace: str, name: str, spec: object) -> bytes:
    """What the annotation's seal is over."""
    return _digest({"of": "spec", "namespace": namespace, "name": name, "spec": spec})


def status_digest(uid: str, spec: bytes, status: Mapping[str, Any]) -> bytes:
    """What the status' seal is over: all of it but the seal itself, on that very object."""
    content = {key: value for key, value in status.items() if key != STATUS_SEAL}
    return _digest({"of": "status", "uid": uid, "spec": spec.hex(), "status": content})


def _digest(document: object) -> bytes:
    return hashlib.sha256(orjson.dumps(_canonical(document), option=orjson.OPT_SORT_KEYS)).digest()


def _canonical(value: object) -> object:
    """Without what is empty: absent and empty mean the same to a reader, and a server may fill in either."""
    if isinstance(value, Mapping):
        items = ((key, _canonical(item)) for key, item in value.items())
        return {key: item for key, item in items if item not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value


def _mac(key: bytes, digest: bytes) -> str:
    return hmac.digest(key, _PURPOSE + digest, hashlib.sha256).hex()
