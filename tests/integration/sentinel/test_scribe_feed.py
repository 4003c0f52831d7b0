"""What the hot process is told of a real cluster."""

import json
import stat
from base64 import b64encode

from scribe_world import ScribeWorld, eventually

from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.kube.resources import NODES, PODS, SECRETS, VIMENDPOINTS, VMIS
from nfvi_ha.reporting.credentials import Secret
from nfvi_ha.reporting.endpoint import resolve
from nfvi_ha.sentinel.scribe.lines import CACHE_FILE, FeedKind, Put, Synced, read_cache


async def test_all_that_is_there_is_told_before_synced_and_changes_after_it(world: ScribeWorld) -> None:
    node = await world.node(labels={"topology.kubernetes.io/zone": "rack-1"})
    name = node["metadata"]["name"]
    vm = await world.vm("fw-0", name, annotations={"nfvi-ha.io/report": "false"})
    async with world.scribe() as hot:
        await hot.until_synced()
        assert isinstance(hot.lines[-1], Synced)
        config = hot.told[FeedKind.CONFIG, "config"]
        assert config["cluster"] == "nfvi-1"
        assert len(bytes.fromhex(config["masterKeys"]["1"])) == len(bytes.fromhex(config["voteKey"])) == 32
        entry = hot.told[FeedKind.NODE, name]
        assert (entry["uid"], entry["bootID"], entry["zone"]) == (node["metadata"]["uid"], "boot-1", "rack-1")
        assert entry["addresses"] == {"mgmt": "10.0.0.7"}
        assert entry["tcpPorts"] == [10251, 22]
        assert entry["leaseStale"] is False
        told = hot.told[FeedKind.VM, vm["uid"]]
        assert (told["namespace"], told["name"], told["node"]) == (world.namespace, "fw-0", name)
        assert (told["report"], told["going"]) == (False, False)

        addresses = {"addresses": {"mgmt": "10.0.0.8", "storage": "10.1.0.8"}}
        patch = {"metadata": {"annotations": {"nfvi-ha.io/addresses": json.dumps(addresses)}}}
        await world.client.patch(NODES, name, patch)
        await hot.until(
            lambda: hot.told[FeedKind.NODE, name]["addresses"] == addresses["addresses"], "the annotated addresses"
        )
        await world.client.delete(VMIS, "fw-0", world.namespace)
        await hot.until(lambda: (FeedKind.VM, vm["uid"]) not in hot.told, "the VM is dropped")


async def test_an_endpoint_comes_with_the_secrets_that_it_names_and_no_others(world: ScribeWorld) -> None:
    token = {
        "metadata": {"name": "vim-token", "annotations": {"nfvi-ha.io/allowed-hosts": "vim:8443"}},
        "data": {"token": b64encode(b"secret").decode()},
    }
    await world.client.create(SECRETS, token, world.namespace)
    await world.client.create(SECRETS, {"metadata": {"name": "other"}, "data": {"x": "eQ=="}}, world.namespace)
    name = f"vim-{world.namespace}"
    async with world.scribe() as hot:
        await hot.until_synced()
        await world.endpoint(name, auth={"bearer": {"secretName": "vim-token"}})
        await hot.until(lambda: (FeedKind.ENDPOINT, name) in hot.told, "the endpoint")
        value = hot.told[FeedKind.ENDPOINT, name]
        found = {secret.name: secret for secret in map(Secret.from_object, value["secrets"])}
        assert list(found) == ["vim-token"]
        assert resolve(VIMEndpoint.parse(value["object"]), found.get).headers == {"Authorization": "Bearer secret"}

        await world.client.patch(SECRETS, "vim-token", {"data": {"token": b64encode(b"new").decode()}}, world.namespace)
        await hot.until(lambda: hot.told[FeedKind.ENDPOINT, name] != value, "the new token")
        # What the operator counts in the status is no change.
        lines = len(hot.lines)
        await world.client.patch(VIMENDPOINTS, name, {"status": {"delivered": 7}}, subresource="status")
        await world.client.patch(VIMENDPOINTS, name, {"spec": {"timeout": "2s"}})
        await hot.until(lambda: len(hot.lines) > lines, "the new timeout")
        (line,) = hot.lines[lines:]
        assert isinstance(line, Put)
        assert line.value["object"]["spec"]["timeout"] == "2s"


async def test_sentinels_find_each_other_by_their_pods(world: ScribeWorld) -> None:
    labels = {"app.kubernetes.io/component": "sentinel"}
    containers = [{"name": "sentinel", "image": "none"}]
    for seat in (0, 1):
        pod = {"metadata": {"name": f"nfvi-ha-sentinel-{seat}", "labels": labels}, "spec": {"containers": containers}}
        await world.make(PODS, pod, world.namespace)

    def place(seat: int) -> dict[str, object]:
        return {"podName": f"nfvi-ha-sentinel-{seat}", "place": {"addresses": {"mgmt": f"10.0.0.{seat}"}, "port": 7946}}

    async with world.scribe(0, **place(0)) as first, world.scribe(1, **place(1)) as second:
        for hot in (first, second):
            await hot.until(lambda hot=hot: len(hot.of(FeedKind.SEAT)) == 2, "both seats")
            assert hot.of(FeedKind.SEAT) == {
                "0": {"addresses": {"mgmt": "10.0.0.0"}, "port": 7946},
                "1": {"addresses": {"mgmt": "10.0.0.1"}, "port": 7946},
            }


async def test_the_cache_holds_what_was_told_and_only_its_owner_can_read_it(world: ScribeWorld) -> None:
    node = (await world.node())["metadata"]["name"]
    async with world.scribe() as hot:
        await hot.until_synced()
        path = hot.state_dir / CACHE_FILE

        async def cached() -> bool:
            return path.exists()

        await eventually(cached, "the cache file")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        *lines, last = read_cache(path)
        assert isinstance(last, Synced)
        content = {(line.kind, line.key): line.value for line in lines if isinstance(line, Put)}
        assert content == {key: value for key, value in hot.told.items() if key[0] is not FeedKind.WRITTEN}
        assert (FeedKind.NODE, node) in content


async def test_a_scribe_ends_when_the_hot_process_is_gone(world: ScribeWorld) -> None:
    async with world.scribe() as hot:
        await hot.until_synced()
    assert hot.process.returncode == 0
