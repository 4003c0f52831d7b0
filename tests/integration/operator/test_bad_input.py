"""Bad input is refused or marked with reason, field and remedy; everything else goes on."""

import copy
from typing import Any

import pytest
from vnf_world import TEMPLATE, VnfWorld, eventually

from nfvi_ha.kube.errors import Invalid, KubeError
from nfvi_ha.kube.resources import SECRETS, VIMENDPOINTS

Obj = dict[str, Any]


async def test_a_selector_that_does_not_match_is_marked_and_harms_nothing(world: VnfWorld) -> None:
    await world.ready_set(replicas=1)
    bad = {"matchLabels": {"app": "somebody-else"}}
    if world.lab.plane.version >= (1, 25):
        with pytest.raises(Invalid, match="selector"):
            await world.create_set("bad", selector=bad)
    else:
        await world.create_set("bad", selector=bad)
        refused = await world.condition("Accepted", "False", "bad")
        assert refused["reason"] == "SelectorMismatch"
        assert refused["message"].startswith("spec.selector: ")
        reasons = await world.event_reasons()
        assert "Refused" in reasons
    assert len(await world.all_vms()) == 1
    await world.patch_set({"spec": {"replicas": 2}})
    await world.until_ready(2)


@pytest.mark.parametrize(
    "spec",
    [{"replicas": -1}, {"replicas": 257}, {"updateStrategy": {"type": "Yolo"}}, {"scaleIn": {"policy": "Random"}}],
    ids=str,
)
async def test_what_the_schema_forbids_never_gets_in(world: VnfWorld, spec: Obj) -> None:
    with pytest.raises(Invalid) as refusal:
        await world.create_set("bad", **spec)
    assert next(iter(spec)) in refusal.value.message


async def test_a_template_that_kubevirt_refuses_is_told_and_not_tried_in_a_hot_loop(world: VnfWorld) -> None:
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["domain"] = {"devices": "none, thanks"}
    await world.create_set("bad", replicas=2, template=template)
    stuck = await world.condition("Progressing", "False", "bad")
    assert stuck["reason"] == "TemplateRefused"
    assert "devices" in stuck["message"]
    assert await world.all_vms() == []
    template["spec"]["domain"] = TEMPLATE["spec"]["domain"]
    await world.patch_set({"spec": {"template": {"spec": {"domain": {"devices": None}}}}}, "bad")
    await world.patch_set({"spec": {"template": template}}, "bad")
    await world.until_ready(2, "bad")


async def test_a_huge_object_is_refused_and_the_rest_goes_on(world: VnfWorld) -> None:
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["volumes"] = [{"name": "v", "cloudInitNoCloud": {"userData": "x" * 1_000_000}}]
    try:
        await world.create_set("huge", template=template)
    except KubeError:
        pass  # larger than this server takes at all
    else:
        refused = await world.condition("Accepted", "False", "huge")
        assert refused["reason"] == "TemplateTooLarge"
        assert "256 KiB" in refused["message"]
    await world.ready_set(replicas=1)


def endpoint(name: str, **spec: Any) -> Obj:
    return {
        "apiVersion": "nfvi-ha.io/v1alpha1",
        "kind": "VIMEndpoint",
        "metadata": {"name": name},
        "spec": {"url": "https://127.0.0.1:1/x", **spec},
    }


async def accepted(world: VnfWorld, name: str) -> Obj:
    found: Obj = {}

    async def judged() -> bool:
        obj = await world.client.get(VIMENDPOINTS, name)
        for condition in (obj.get("status") or {}).get("conditions", ()):
            if condition["type"] == "Accepted":
                found.update(condition)
        return bool(found)

    await eventually(judged, f"VIMEndpoint {name} is judged", 20.0, lambda: "not judged")
    return found


@pytest.mark.parametrize(
    ("spec", "reason", "field"),
    [
        ({"auth": {"hmac": {"secretName": "nowhere"}}}, "SecretNotFound", "spec.auth.hmac"),
        ({"url": "https://169.254.169.254/latest"}, "URLHostRefused", "spec.url"),
    ],
    ids=["missing-secret", "metadata-address"],
)
async def test_a_bad_endpoint_is_marked_and_the_good_one_is_served(
    world: VnfWorld, spec: Obj, reason: str, field: str
) -> None:
    name = f"bad-{world.namespace}"
    await world.client.create(VIMENDPOINTS, endpoint(name, **spec))
    try:
        condition = await accepted(world, name)
        assert condition["status"] == "False"
        assert condition["reason"] == reason
        assert field in condition["message"]
        vms = await world.ready_set(replicas=1)
        world.faults.kill_vm(vms[0])
        await world.told("vm.failed", "fw-0-1")
    finally:
        await world.client.delete(VIMENDPOINTS, name)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://vim/x", "https://user:pw@vim/x", "vim"])
async def test_urls_that_are_no_http_never_get_in(world: VnfWorld, url: str) -> None:
    with pytest.raises(Invalid):
        await world.client.create(VIMENDPOINTS, endpoint("bad", url=url))


async def test_a_secret_that_is_not_for_this_host_is_not_sent_there(world: VnfWorld) -> None:
    name = f"thief-{world.namespace}"
    spec = {"url": "https://127.0.0.2:1/x", "auth": {"hmac": {"secretName": "lab-vim-hmac"}}}
    await world.client.create(VIMENDPOINTS, endpoint(name, **spec))
    try:
        condition = await accepted(world, name)
        assert condition["reason"] == "SecretNotAllowed"
    finally:
        await world.client.delete(VIMENDPOINTS, name)


async def test_an_endpoint_works_once_its_secret_comes(world: VnfWorld) -> None:
    name = f"late-{world.namespace}"
    url = world.lab.access.vim_url
    spec = {"url": url, "allowInsecure": True, "auth": {"hmac": {"secretName": name}}}
    await world.client.create(VIMENDPOINTS, endpoint(name, **spec))
    try:
        assert (await accepted(world, name))["status"] == "False"
        host = url.split("/")[2]
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "annotations": {"nfvi-ha.io/allowed-hosts": host}},
            "stringData": {"key-1": "0123456789abcdef0123456789abcdef"},
        }
        await world.client.create(SECRETS, secret, "nfvi-ha-system")

        async def usable() -> bool:
            obj = await world.client.get(VIMENDPOINTS, name)
            return any(c["type"] == "Accepted" and c["status"] == "True" for c in obj["status"]["conditions"])

        await eventually(usable, "the endpoint is accepted", 20.0, lambda: "not")
    finally:
        await world.client.delete(VIMENDPOINTS, name)
        await world.client.delete(SECRETS, name, "nfvi-ha-system")
