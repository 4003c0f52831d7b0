"""Puts the CRDs into the API server."""

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Final

from nfvi_ha.api import schema
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists
from nfvi_ha.kube.resources import CRDS
from nfvi_ha.lab.crds import kubevirt_crds
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.objects import JsonObject, condition_of, name_of

ESTABLISHED_SECONDS: Final = 30.0
CEL_SINCE: Final = (1, 25)
"""Older servers refuse CRDs that carry CEL rules; the operator checks the same."""


async def server_version(client: KubeClient) -> tuple[str, tuple[int, int]]:
    """The server's version as text, e.g. "v1.20.2", and as (major, minor)."""
    answer = await client.get_path("/version")
    # Not "major" and "minor": a build without release flags leaves them empty.
    text = str(answer["gitVersion"])
    match = re.match(r"v(\d+)\.(\d+)", text)
    if match is None:
        raise LabFailed(f"the API server says it is version {text!r}; expected one like v1.20.2")
    return text, (int(match[1]), int(match[2]))


async def apply_crds(client: KubeClient) -> None:
    """Ours (in the variant that the server takes) and the lab's KubeVirt; returns when they are served.

    Raises:
        KubeError: the server refused one.
        LabFailed: they were not established within 30 s.
    """
    _, version = await server_version(client)
    ours = [schema.render(kind, cel=version >= CEL_SINCE) for kind in schema.KINDS]
    await apply_objects(client, [*ours, *kubevirt_crds()])


async def apply_objects(client: KubeClient, crds: Iterable[JsonObject]) -> None:
    """Create the CRDs, or bring those that are there up to date; returns when they are served.

    Raises:
        KubeError: the server refused one.
        LabFailed: they were not established within 30 s.
    """
    names = [await _put(client, crd) for crd in crds]
    deadline = time.monotonic() + ESTABLISHED_SECONDS
    while missing := [name for name in names if not await _established(client, name)]:
        if time.monotonic() > deadline:
            raise LabFailed(f"not established within {ESTABLISHED_SECONDS:.0f} s: {', '.join(missing)}")
        await asyncio.sleep(0.05)


async def _put(client: KubeClient, crd: JsonObject) -> str:
    try:
        await client.create(CRDS, crd)
    except AlreadyExists:
        await client.patch(CRDS, name_of(crd), {"metadata": crd["metadata"], "spec": crd["spec"]})
    return name_of(crd)


async def _established(client: KubeClient, name: str) -> bool:
    crd = await client.get(CRDS, name)
    return (condition_of(crd, "Established") or {}).get("status") == "True"
