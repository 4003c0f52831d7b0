"""The few HTTPS calls that the control plane itself makes to its API server and its etcd, by client certificate."""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from nfvi_ha.lab.controlplane.certificates import KeyPair
from nfvi_ha.lab.controlplane.errors import ApiCallFailed

Json = dict[str, Any]


class ApiCaller:
    """JSON over TLS to one loopback server. Each call is a connection of its own: none outlives its event loop."""

    def __init__(self, server: str, ca: Path, client: KeyPair) -> None:
        self.server = server
        self._ca = ca
        self._client = client

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout_seconds: float = 10.0,
    ) -> Json:
        """The decoded answer. Raises ApiCallFailed for any status but 2xx and when there is no answer (status 0)."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": content_type}
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        try:
            async with (
                self._session(timeout) as session,
                session.request(method, self.server + path, data=data, headers=headers) as response,
            ):
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiCallFailed(method, path, 0, str(error) or type(error).__name__) from error
        if not 200 <= status < 300:
            raise ApiCallFailed(method, path, status, text)
        return _decoded(text)

    async def healthy(self, path: str, *, timeout_seconds: float = 2.0) -> bool:
        """Whether a GET of ``path`` answers 2xx."""
        try:
            await self.call("GET", path, timeout_seconds=timeout_seconds)
        except ApiCallFailed:
            return False
        return True

    async def watch(self, path: str, *, timeout_seconds: float) -> AsyncIterator[Json]:
        """Watch events as they come; ends when the server closes. Raises ApiCallFailed, TimeoutError."""
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        async with self._session(timeout) as session, session.get(self.server + path) as response:
            if response.status != 200:
                raise ApiCallFailed("WATCH", path, response.status, await response.text())
            async for line in response.content:
                yield json.loads(line)

    @asynccontextmanager
    async def _session(self, timeout: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientSession]:
        context = ssl.create_default_context(cafile=str(self._ca))
        context.load_cert_chain(self._client.cert, self._client.key)
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        # trust_env off: loopback servers are never behind the machine's proxy.
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            yield session


class EtcdCaller:
    """The little of etcd's own API that fault scenarios need, over its HTTP gateway."""

    def __init__(self, caller: ApiCaller) -> None:
        self._caller = caller

    async def put(self, key: str, value: str) -> int:
        """Writes a key outside Kubernetes' own prefix; the revision it made."""
        answer = await self._post("/v3/kv/put", {"key": _base64(key), "value": _base64(value)})
        return int(answer["header"]["revision"])

    async def compact(self, revision: int) -> None:
        """Forgets all history before ``revision``."""
        await self._post("/v3/kv/compaction", {"revision": str(revision), "physical": True})

    async def _post(self, path: str, body: Mapping[str, object]) -> Json:
        return await self._caller.call("POST", path, body)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> Json:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:  # /readyz answers "ok"
        return {"text": text}
    return value if isinstance(value, dict) else {"text": text}
