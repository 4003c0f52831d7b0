"""Keys for agents, with tokens that a real API server makes and judges."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from nfvi_ha.agent.config import KeyService as ServiceAddress
from nfvi_ha.agent.key_client import KeyClient, KeyRefused
from nfvi_ha.core.key_material import KeyMaterial
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import PODS, SERVICEACCOUNTS
from nfvi_ha.operator.keys.bearer import AUDIENCE, Reviewer
from nfvi_ha.operator.keys.certificate import AUTHORITY, Serving, make_entries, server_context
from nfvi_ha.operator.keys.service import PATH, KeyService
from nfvi_ha.reporting.clock import Clock

Obj = dict[str, Any]
ACCOUNT = "nfvi-ha-agent"
MASTERS = {1: b"1" * 32, 2: b"2" * 32}


class Agents:
    """Pods of agents, their tokens, and the service."""

    def __init__(self, client: KubeClient, namespace: str, directory: Path, port: int, certificate: bytes) -> None:
        self._client, self._namespace, self._directory, self._port = client, namespace, directory, port
        self._ca = directory / "ca.crt"
        self._ca.write_bytes(certificate)

    async def account(self, name: str = ACCOUNT) -> None:
        await self._client.create(SERVICEACCOUNTS, {"metadata": {"name": name}}, self._namespace)

    async def pod(self, name: str, node: str, account: str = ACCOUNT) -> Obj:
        spec = {
            "nodeName": node,
            "serviceAccountName": account,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "agent", "image": "nfvi-ha"}],
        }
        return await self._client.create(PODS, {"metadata": {"name": name}, "spec": spec}, self._namespace)

    async def token(self, pod: Obj | None, *, account: str = ACCOUNT, audience: str = AUDIENCE) -> str:
        """As a kubelet asks for it (bound to the pod), or anybody (bound to nothing)."""
        spec: Obj = {"audiences": [audience], "expirationSeconds": 600}
        if pod is not None:
            meta = pod["metadata"]
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": spec,
        }
        made = await self._client.create(SERVICEACCOUNTS, body, self._namespace, name=account, subresource="token")
        return str(made["status"]["token"])

    async def ask(self, token: str) -> dict[int, str]:
        """As an agent does it."""
        file = self._directory / "token"
        file.write_text(token)
        address = ServiceAddress(f"https://localhost:{self._port}{PATH}", str(self._ca), str(file))
        client = KeyClient(address, "site-1", self._directory / "cached", lambda _: None, lambda _: None)
        return dict((await client.ask()).keys)

    async def refused(self, token: str) -> str:
        with pytest.raises(KeyRefused) as caught:
            await self.ask(token)
        return str(caught.value)

    async def gone(self, name: str) -> None:
        await self._client.delete(PODS, name, self._namespace, grace_seconds=0)
        with contextlib.suppress(NotFound):
            while True:
                await self._client.get(PODS, name, self._namespace)


@pytest_asyncio.fixture
async def agents(kube: KubeClient, namespace: str, tmp_path: Path) -> AsyncIterator[Agents]:
    clock = Clock()
    context: ssl.SSLContext = server_context()
    entries = make_entries(("localhost", "127.0.0.1"), datetime.now(UTC))
    Serving.from_entries(entries).load_into(context)
    service = KeyService(
        Reviewer(kube, namespace, ACCOUNT),
        lambda: KeyMaterial(MASTERS, b"v" * 32),
        cluster="site-1",
        clock=clock.monotonic,
        registry=CollectorRegistry(),
    )
    port = await service.start("127.0.0.1", 0, None, context)
    found = Agents(kube, namespace, tmp_path, port, entries[AUTHORITY])
    await found.account()
    yield found
    await service.stop()


async def test_an_agent_gets_the_keys_of_its_node_and_of_no_other(agents: Agents) -> None:
    first, second = await agents.pod("agent-a", "worker-1"), await agents.pod("agent-b", "worker-2")
    keys = await agents.ask(await agents.token(first))
    assert keys == {number: node_key(master, "worker-1", number).hex() for number, master in MASTERS.items()}
    others = await agents.ask(await agents.token(second))
    assert not set(others.values()) & set(keys.values())


async def test_a_token_that_is_bound_to_no_pod_is_refused(agents: Agents) -> None:
    await agents.pod("agent-a", "worker-1")
    assert "403" in await agents.refused(await agents.token(None))


async def test_a_token_for_somebody_else_is_refused(agents: Agents) -> None:
    pod = await agents.pod("agent-a", "worker-1")
    assert "401" in await agents.refused(await agents.token(pod, audience="https://kubernetes.default.svc"))


async def test_a_pod_of_another_service_account_is_refused(agents: Agents) -> None:
    await agents.account("stranger")
    pod = await agents.pod("stranger", "worker-1", "stranger")
    assert "403" in await agents.refused(await agents.token(pod, account="stranger"))


async def test_the_token_of_a_pod_that_is_gone_is_refused_also_when_another_took_its_name(agents: Agents) -> None:
    pod = await agents.pod("agent-a", "worker-1")
    token = await agents.token(pod)
    assert await agents.ask(token)
    await agents.gone("agent-a")
    # The API server may trust a token for some seconds after it looked at it; we look at the pod each time.
    assert "40" in await agents.refused(token)
    await agents.pod("agent-a", "worker-2")
    assert "40" in await agents.refused(token)


async def test_what_is_no_token_is_refused(agents: Agents) -> None:
    assert "401" in await agents.refused("not-a-token")
