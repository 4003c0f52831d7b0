"""The VIM of the lab: a receiver with a signing key, and a view of what it received for any process of this machine."""

import base64
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp

from nfvi_ha.api.names import ANNOTATION_ALLOWED_HOSTS
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists
from nfvi_ha.kube.resources import NAMESPACES, SECRETS, VIMENDPOINTS
from nfvi_ha.lab.operators import SYSTEM_NAMESPACE

ENDPOINT: Final = "lab"
SECRET: Final = "lab-vim-hmac"  # noqa: S105 - the name of an object
KEY_ID: Final = "lab-1"
_POLL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """One notification at the receiver. ``at`` is CLOCK_MONOTONIC in nanoseconds when its body was complete."""

    index: int
    id: str
    type: str
    """Without the prefix "io.nfvi-ha."."""
    uid: str
    """Of the resource."""
    subject: str
    cause: str
    kind: str
    """Of the fault."""
    state: str
    """Raised, action or cleared."""
    incident: str
    message: str
    """Why, for people."""
    parent: str
    """Id of the incident that caused this one, "" for none."""
    confidence: str
    source: str
    at: int
    verified: bool
    duplicate: bool
    out_of_order: bool

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """From the receiver's own JSON."""
        event = values.get("event") or {}
        data = event.get("data") or {}
        return cls(
            index=int(values["index"]),
            id=str(values.get("id") or ""),
            type=str(event.get("type") or "").removeprefix("io.nfvi-ha."),
            uid=str((data.get("resource") or {}).get("uid") or ""),
            subject=str(values.get("subject") or ""),
            cause=str(data.get("cause") or ""),
            kind=str(data.get("kind") or ""),
            state=str(data.get("state") or ""),
            incident=str(data.get("incident") or ""),
            message=str(data.get("message") or ""),
            parent=str(data.get("parent") or ""),
            confidence=str(data.get("confidence") or ""),
            source=str(data.get("source") or ""),
            at=int(values["receivedMonotonicNs"]),
            verified=bool(values.get("verified")),
            duplicate=bool(values.get("duplicate")),
            out_of_order=bool(values.get("outOfOrder")),
        )


class VimView:
    """What the receiver at ``url`` got. Use as an async context manager."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._session: aiohttp.ClientSession | None = None
        self._records: list[Received] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60.0))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def refresh(self, wait_seconds: float = 0.0) -> list[Received]:
        """All that was received; waits for something new if there is nothing new yet."""
        if self._session is None:
            raise RuntimeError("VimView is used outside its context")
        query = {"after": str(len(self._records)), "wait": f"{wait_seconds:.3f}"}
        async with self._session.get(f"{self._base}/_records", params=query) as response:
            response.raise_for_status()
            self._records += [Received.from_json(item) for item in await response.json()]
        return self._records

    async def mark(self) -> int:
        """How many were received until now; ``wait_for`` looks at later ones."""
        return len(await self.refresh())

    async def wait_for(self, matches: Callable[[Received], bool], after: int, timeout_seconds: float) -> Received:
        """The first notification after the mark that matches.

        Raises:
            TimeoutError: none came in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            left = deadline - time.monotonic()
            records = await self.refresh(max(0.0, min(left, _POLL_SECONDS)))
            for record in records[after:]:
                if matches(record):
                    return record
            if left <= 0:
                raise TimeoutError(f"not received within {timeout_seconds:.0f} s")
            after = len(records)

    async def injected(self, target: str, at: int) -> None:
        """Tell the receiver when a fault was made, so that its lines show the latency."""
        if self._session is None:
            raise RuntimeError("VimView is used outside its context")
        body = {"subject": target, "monotonicNs": at}
        async with self._session.post(f"{self._base}/_control/injected", json=body) as response:
            response.raise_for_status()


def endpoint_objects(
    url: str, key: str, *, name: str = ENDPOINT, secret_name: str = SECRET, **spec: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Secret with the signing key, and the VIMEndpoint; arguments as of ``register_endpoint``."""
    host = urlsplit(url).netloc
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret_name, "annotations": {ANNOTATION_ALLOWED_HOSTS: host}},
        "data": {KEY_ID: base64.b64encode(key.encode()).decode()},
    }
    endpoint = {
        "apiVersion": VIMENDPOINTS.api_version,
        "kind": VIMENDPOINTS.kind,
        "metadata": {"name": name},
        "spec": {
            "url": url,
            "allowInsecure": True,
            "auth": {"hmac": {"secretName": secret_name, "keyId": KEY_ID}},
            **spec,
        },
    }
    return secret, endpoint


async def register_endpoint(
    client: KubeClient, url: str, key: str, *, name: str = ENDPOINT, secret_name: str = SECRET, **spec: Any
) -> None:
    """Make the operator's namespace, the Secret with the signing key, and the VIMEndpoint.

    Args:
        client: may do all that.
        url: of the receiver.
        key: of its signatures; its id is ``KEY_ID``.
        name: of the VIMEndpoint.
        secret_name: of the Secret.
        spec: more of the VIMEndpoint's spec, as the API names it.

    Raises:
        KubeError: the API server refused one.
    """
    secret, endpoint = endpoint_objects(url, key, name=name, secret_name=secret_name, **spec)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}}
    with contextlib.suppress(AlreadyExists):
        await client.create(NAMESPACES, namespace)
    await client.create(SECRETS, secret, SYSTEM_NAMESPACE)
    await client.create(VIMENDPOINTS, endpoint)
