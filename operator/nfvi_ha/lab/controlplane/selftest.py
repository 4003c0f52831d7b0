"""Does this API server do what we need? Custom resources are where a wrongly built one fails, so they are tried."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from nfvi_ha.lab.controlplane.api import ApiCaller, Json
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.errors import ApiCallFailed, SelfTestFailed
from nfvi_ha.lab.controlplane.layout import Layout
from nfvi_ha.lab.controlplane.progress import silent
from nfvi_ha.lab.controlplane.servers import Servers

GROUP: Final = "selftest.nfvi-ha.io"
CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD_NAME: Final = f"probes.{GROUP}"
PROBES: Final = f"/apis/{GROUP}/v1/namespaces/default/probes"
OBJECTS: Final = 20
SERVED_SECONDS: Final = 30.0

SPEC: Final[dict[str, Any]] = {
    "labels": {"empty": "", "full": "x"},
    "nested": {"list": [{"name": "a", "weights": [1, 2.5]}, {"name": "", "weights": []}], "flag": False},
    "free": {"anything": {"": "", "deep": [None, "", {"k": ""}]}},
}
"""Empty strings in typed maps, lists of objects, and a free-form part: what broken builds crash on or turn to null."""


async def exercise(api: ApiCaller) -> None:
    """Creates a custom kind, then creates, reads, patches and watches objects of it; removes everything again.

    Raises SelfTestFailed saying what was sent and what came back.
    """
    try:
        await _create_definition(api)
        try:
            await _create_objects(api)
            await _patch_while_watching(api)
        finally:
            await api.call("DELETE", f"{CRDS}/{CRD_NAME}")
    except (ApiCallFailed, TimeoutError) as error:
        raise SelfTestFailed(f"custom resources do not work on this kube-apiserver: {error}") from error


async def _create_definition(api: ApiCaller) -> None:
    await api.call("POST", CRDS, _definition())
    async with asyncio.timeout(SERVED_SECONDS):
        while not await api.healthy(PROBES):  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.1)


async def _create_objects(api: ApiCaller) -> None:
    for number in range(OBJECTS):
        sent = _probe(f"probe-{number}")
        created = await api.call("POST", PROBES, sent)
        read = await api.call("GET", f"{PROBES}/probe-{number}")
        for answer in (created, read):
            _expect("spec", answer["spec"], SPEC)
            _expect("annotations", answer["metadata"]["annotations"], {"empty": ""})
    listed = await api.call("GET", PROBES)
    _expect("number of listed objects", len(listed["items"]), OBJECTS)


async def _patch_while_watching(api: ApiCaller) -> None:
    version = (await api.call("GET", PROBES))["metadata"]["resourceVersion"]
    path = f"{PROBES}?watch=true&resourceVersion={version}&timeoutSeconds=10"
    patch = {"spec": {"labels": {"full": "", "empty": None}, "nested": {"flag": True}}}
    patching = asyncio.create_task(
        api.call("PATCH", f"{PROBES}/probe-0", patch, content_type="application/merge-patch+json")
    )
    async for event in api.watch(path, timeout_seconds=15):
        _expect("watch event", (event["type"], event["object"]["metadata"]["name"]), ("MODIFIED", "probe-0"))
        _expect("patched labels", event["object"]["spec"]["labels"], {"full": ""})
        _expect("patched nested value", event["object"]["spec"]["nested"], {**SPEC["nested"], "flag": True})
        break
    else:
        raise SelfTestFailed("a watch of custom resources ended without the change that was made")
    await patching


def _expect(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise SelfTestFailed(f"custom resources do not work on this kube-apiserver: {what}: {got!r} is not {wanted!r}")


def _probe(name: str) -> Json:
    metadata = {"name": name, "annotations": {"empty": ""}}
    return {"apiVersion": f"{GROUP}/v1", "kind": "Probe", "metadata": metadata, "spec": SPEC}


def _definition() -> Json:
    text = {"type": "string"}
    weights = {"type": "array", "items": {"type": "number"}}
    entry = {"type": "object", "properties": {"name": text, "weights": weights}}
    nested = {
        "type": "object",
        "properties": {"list": {"type": "array", "items": entry}, "flag": {"type": "boolean"}},
    }
    properties = {
        "labels": {"type": "object", "additionalProperties": text},
        "nested": nested,
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    names = {"plural": "probes", "singular": "probe", "kind": "Probe", "listKind": "ProbeList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def try_out(assets: Assets, state_dir: Path) -> None:
    """Starts a control plane of these binaries in ``state_dir`` and exercises it. Blocks; any thread may call.

    Raises SelfTestFailed or StartFailed.
    """

    async def run() -> None:
        servers = await Servers.start(Layout.at(state_dir), assets, log=silent, detach=False)
        try:
            await exercise(servers.api)
        finally:
            await servers.stop()

    # In a thread of its own: the caller may be inside an event loop, where another cannot run.
    with ThreadPoolExecutor(max_workers=1) as executor:
        executor.submit(asyncio.run, run()).result()
