"""The CRDs on a real API server: accepted, defaulting, refusing, scaling, and shown as a table."""

import copy
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.incident import Incident
from nfvi_ha.api.kind import KubeObject
from nfvi_ha.api.schema import KINDS
from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.api.vnfreplicaset import VNFReplicaSet
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.kubectl import Kubectl

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "manifests" / "examples"
CEL_SINCE = (1, 25, 0)
MODELS: dict[str, type[KubeObject]] = {kind.info.kind: kind for kind in KINDS}

pytestmark = pytest.mark.usefixtures("crds")


@pytest.fixture(scope="module")
def crds(control_plane: ControlPlane) -> None:
    """Our kinds, served. They stay: other tests of the session use them too."""
    folder = ROOT / "crds" if control_plane.version >= CEL_SINCE else ROOT / "crds" / "no-cel"
    control_plane.kubectl("apply", "-f", str(folder))
    names = [f"crd/{kind.info.plural}.nfvi-ha.io" for kind in KINDS]
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)


@pytest.fixture
def space(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own; the cluster-scoped endpoints made in it are named after it."""
    name = f"crds-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "vimendpoints", "-l", f"test={name}")
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def example(name: str, space: str) -> dict[str, Any]:
    """The first document of an example, moved to the test's namespace."""
    obj: dict[str, Any] = next(iter(yaml.safe_load_all((EXAMPLES / f"{name}.yaml").read_text())))
    metadata = obj["metadata"]
    if obj["kind"] == "VIMEndpoint":
        metadata.update(name=f"{space}-{metadata['name']}", labels={"test": space})
    else:
        metadata["namespace"] = space
    return obj


def changed(obj: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one field set; "..." removes it."""
    result = copy.deepcopy(obj)
    *above, last = path.split("/")
    inner = result
    for part in above:
        inner = inner.setdefault(part, {})
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return result


def create(kubectl: Kubectl, obj: dict[str, Any]) -> dict[str, Any]:
    return dict(kubectl.json("create", "-f", "-", stdin=json.dumps(obj)))


def refusal(kubectl: Kubectl, obj: dict[str, Any]) -> str:
    """What the API server says against it; "" when it takes it."""
    done = kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(obj), check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("name", [path.stem for path in sorted(EXAMPLES.glob("*.yaml"))])
def test_example_is_accepted_and_defaulted_as_the_model_does(kubectl: Kubectl, space: str, name: str) -> None:
    obj = example(name, space)
    model = MODELS[obj["kind"]]

    stored = model.parse(create(kubectl, obj))

    assert stored.to_json()["spec"] == model.parse(obj).to_json()["spec"]


def test_server_fills_in_defaults(kubectl: Kubectl, space: str) -> None:
    vnf = create(kubectl, example("vnfreplicaset-minimal", space))["spec"]
    endpoint = create(kubectl, example("vimendpoint-minimal", space))["spec"]

    assert vnf["replicas"] == 1
    assert vnf["paused"] is False
    assert vnf["placement"] == {"antiAffinity": "Preferred", "topologyKey": "kubernetes.io/hostname"}
    assert vnf["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    assert vnf["scaleIn"] == {"policy": "HighestIndex", "preferUnhealthy": True}
    assert vnf["recovery"]["backoff"] == {"initial": "10s", "max": "5m", "factor": 2}
    assert endpoint["format"] == "CloudEvents"
    assert endpoint["retry"] == {"initialBackoff": "500ms", "maxBackoff": "1m", "expiresAfter": "24h"}
    assert endpoint["timeout"] == "5s"


def test_server_keeps_all_of_the_vm_template(kubectl: Kubectl, space: str) -> None:
    obj = example("vnfreplicaset", space)
    obj["spec"]["template"]["spec"]["domain"]["somethingNew"] = {"deep": [1, {"er": ""}]}

    assert create(kubectl, obj)["spec"]["template"]["spec"] == obj["spec"]["template"]["spec"]


def test_unknown_field_is_pruned_or_refused(kubectl: Kubectl, space: str) -> None:
    obj = changed(example("vnfreplicaset-minimal", space), "spec/replica", 3)

    said = refusal(kubectl, obj)

    if not said:
        stored = kubectl.json("get", "vnfrs", "minimal", "-n", space)
        assert "replica" not in stored["spec"]


STRUCTURAL = [
    ("vnfreplicaset-minimal", "spec/replicas", -1, "spec.replicas"),
    ("vnfreplicaset-minimal", "spec/replicas", 257, "spec.replicas"),
    ("vnfreplicaset-minimal", "spec/replicas", "3", "spec.replicas"),
    ("vnfreplicaset-minimal", "spec/selector", ..., "spec.selector"),
    ("vnfreplicaset-minimal", "spec/template/spec/domain", ..., "spec.template.spec.domain"),
    ("vnfreplicaset-minimal", "spec/template/metadata/labels", {"app": "not a label"}, "spec.template.metadata.labels"),
    ("vnfreplicaset-minimal", "spec/scaleIn/policy", "Random", "spec.scaleIn.policy"),
    ("vnfreplicaset-minimal", "spec/placement/antiAffinity", "Always", "spec.placement.antiAffinity"),
    ("vnfreplicaset-minimal", "spec/updateStrategy/type", "Recreate", "spec.updateStrategy.type"),
    ("vnfreplicaset-minimal", "spec/updateStrategy/rollingUpdate", {"maxSurge": "a%"}, "rollingUpdate.maxSurge"),
    ("vnfreplicaset-minimal", "spec/updateStrategy/rollingUpdate", {"maxSurge": "101%"}, "rollingUpdate.maxSurge"),
    ("vnfreplicaset-minimal", "spec/updateStrategy/rollingUpdate", {"maxSurge": -1}, "rollingUpdate.maxSurge"),
    ("vnfreplicaset-minimal", "spec/progressDeadline", "soon", "spec.progressDeadline"),
    ("vnfreplicaset-minimal", "metadata/name", "a" * 41, "metadata.name"),
    ("vnfreplicaset-minimal", "metadata/name", "two.parts", "metadata.name"),
    ("vimendpoint-minimal", "spec/url", "file:///etc/passwd", "spec.url"),
    ("vimendpoint-minimal", "spec/url", "https://user:secret@vim.example.com/", "spec.url"),
    ("vimendpoint-minimal", "spec/url", "vim.example.com", "spec.url"),
    ("vimendpoint-minimal", "spec/format", "SNMP", "spec.format"),
    ("vimendpoint-minimal", "spec/auth", {"hmac": {}}, "spec.auth.hmac.secretName"),
    ("vimendpoint-minimal", "spec/filter/types", ["vm*"], "spec.filter.types"),
    ("vimendpoint-minimal", "spec/filter/minimumSeverity", "bad", "spec.filter.minimumSeverity"),
    ("incident", "spec/fault/kind", "vm.gone", "spec.fault.kind"),
    ("incident", "spec/fault/detectedAt", "yesterday", "spec.fault.detectedAt"),
]


@pytest.mark.parametrize(("name", "path", "value", "field"), STRUCTURAL)
def test_bad_object_is_refused_by_server_and_model(
    kubectl: Kubectl, space: str, name: str, path: str, value: Any, field: str
) -> None:
    obj = changed(example(name, space), path, value)

    said = refusal(kubectl, obj)

    assert field in said
    with pytest.raises(InvalidObject) as caught:
        MODELS[obj["kind"]].parse(obj)
    assert field in caught.value.field


CROSS_FIELD = [
    ("vnfreplicaset-minimal", "spec/selector", {}, "selector is empty"),
    ("vnfreplicaset-minimal", "spec/selector", {"matchLabels": {"app": "other"}}, "does not match"),
    ("vnfreplicaset-minimal", "spec/template/metadata", ..., "does not match"),
    (
        "vnfreplicaset-minimal",
        "spec/selector",
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["minimal"]}]},
        "does not match",
    ),
    (
        "vnfreplicaset-minimal",
        "spec/selector",
        {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["minimal"]}]},
        "values go with",
    ),
    (
        "vnfreplicaset-minimal",
        "spec/selector",
        {"matchExpressions": [{"key": "nfvi-ha.io/slot", "operator": "DoesNotExist"}]},
        "nfvi-ha or KubeVirt set",
    ),
    (
        "vnfreplicaset-minimal",
        "spec/template/metadata/labels",
        {"app": "minimal", "kubevirt.io/created-by": "me"},
        "remove them",
    ),
    ("vnfreplicaset-minimal", "spec/template/metadata/annotations", {"nfvi-ha.io/hmac": "x"}, "remove the others"),
    ("vnfreplicaset-minimal", "spec/updateStrategy/rollingUpdate", {"maxUnavailable": 0}, "both 0"),
    (
        "vnfreplicaset-minimal",
        "spec/updateStrategy/rollingUpdate",
        {"maxUnavailable": "0%", "maxSurge": "0%"},
        "both 0",
    ),
    ("vnfreplicaset-minimal", "spec/recovery/backoff", {"initial": "1h"}, "shorter than initial"),
    ("vimendpoint-minimal", "spec/url", "http://vim.example.com/", "in the clear"),
    (
        "vimendpoint-minimal",
        "spec/auth",
        {"bearer": {"secretName": "a"}, "basic": {"secretName": "b"}},
        "Authorization header",
    ),
    ("vimendpoint-minimal", "spec/retry/initialBackoff", "2m", "shorter than initialBackoff"),
]


@pytest.mark.parametrize(("name", "path", "value", "message"), CROSS_FIELD)
def test_broken_rule_is_refused_by_model_and_by_servers_with_cel(
    kubectl: Kubectl, control_plane: ControlPlane, space: str, name: str, path: str, value: Any, message: str
) -> None:
    obj = changed(example(name, space), path, value)

    said = refusal(kubectl, obj)

    assert (message in said) == (control_plane.version >= CEL_SINCE), said
    with pytest.raises(InvalidObject, match=message):
        MODELS[obj["kind"]].parse(obj)


def test_insecure_url_is_accepted_when_allowed(kubectl: Kubectl, space: str) -> None:
    obj = example("vimendpoint-minimal", space)
    obj["spec"] = {"url": "http://vim.example.com/", "allowInsecure": True}

    assert VIMEndpoint.parse(create(kubectl, obj)).spec.url == "http://vim.example.com/"


def test_changed_selector_is_refused(kubectl: Kubectl, control_plane: ControlPlane, space: str) -> None:
    obj = create(kubectl, example("vnfreplicaset-minimal", space))
    status = {"status": {"labelSelector": "app=minimal"}}
    kubectl("patch", "vnfrs", "minimal", "-n", space, "--type=merge", "--subresource=status", "-p", json.dumps(status))
    labels = {"matchLabels": {"app": "other"}}
    change = {"spec": {"selector": labels, "template": {"metadata": {"labels": {"app": "other"}}}}}

    done = kubectl(
        "patch", "vnfrs", obj["metadata"]["name"], "-n", space, "--type=merge", "-p", json.dumps(change), check=False
    )

    if control_plane.version >= CEL_SINCE:
        assert "cannot be changed" in done.stderr
    else:
        with pytest.raises(InvalidObject, match=r"status\.labelSelector"):
            VNFReplicaSet.parse(kubectl.json("get", "vnfrs", "minimal", "-n", space))


def test_incident_is_a_record_that_servers_with_cel_keep(
    kubectl: Kubectl, control_plane: ControlPlane, space: str
) -> None:
    name = create(kubectl, example("incident", space))["metadata"]["name"]

    done = kubectl("patch", "inc", name, "-n", space, "--type=merge", "-p", '{"spec": {"node": "other"}}', check=False)

    assert ("cannot be changed" in done.stderr) == (control_plane.version >= CEL_SINCE)


def test_template_of_a_megabyte_is_refused_by_the_model(kubectl: Kubectl, space: str) -> None:
    obj = example("vnfreplicaset-minimal", space)
    obj["spec"]["template"]["spec"]["volumes"] = [{"name": "big", "cloudInitNoCloud": {"userData": "x" * 1_000_000}}]

    stored = create(kubectl, obj)

    with pytest.raises(InvalidObject) as caught:
        VNFReplicaSet.parse(stored)
    assert caught.value.reason == "TemplateTooLarge"
    assert caught.value.field == "spec.template.spec"


def test_scale_subresource_reads_and_writes_replicas_and_selector(kubectl: Kubectl, space: str) -> None:
    create(kubectl, example("vnfreplicaset", space))
    status = {"status": {"replicas": 3, "labelSelector": "app.kubernetes.io/name=firewall"}}
    kubectl("patch", "vnfrs", "firewall", "-n", space, "--type=merge", "--subresource=status", "-p", json.dumps(status))

    kubectl("scale", "vnfrs", "firewall", "-n", space, "--replicas=5")

    path = f"/apis/nfvi-ha.io/v1alpha1/namespaces/{space}/vnfreplicasets/firewall/scale"
    scale = json.loads(kubectl("get", "--raw", path).stdout)
    assert scale["spec"]["replicas"] == 5
    assert scale["status"] == {"replicas": 3, "selector": "app.kubernetes.io/name=firewall"}
    assert kubectl.json("get", "vnfrs", "firewall", "-n", space)["spec"]["replicas"] == 5


def test_status_is_written_through_its_subresource_only(kubectl: Kubectl, space: str) -> None:
    obj = example("incident", space)
    name = obj["metadata"]["name"]

    created = create(kubectl, {**obj, "status": {"phase": "Closed"}})
    status = Incident.parse(
        {**obj, "status": {"phase": "Recovering", "actions": [action()], "deliveries": [delivery()]}}
    ).to_json()["status"]
    body = json.dumps({"status": status})
    kubectl("patch", "inc", name, "-n", space, "--type=merge", "--subresource=status", "-p", body)

    assert "status" not in created
    stored = Incident.parse(kubectl.json("get", "inc", name, "-n", space))
    assert stored.to_json()["status"] == status


def action() -> dict[str, Any]:
    return {
        "step": 1,
        "sequence": 7,
        "name": "recovery.replacement.created",
        "time": "2026-01-15T10:20:31.002Z",
        "outcome": "Succeeded",
        "oldVM": "firewall-1-4",
        "newVM": "firewall-1-5",
        "durationMilliseconds": 41,
    }


def delivery() -> dict[str, Any]:
    return {
        "notification": "vm-failed-5c0f2d6f0d2b4a6c9e1a7b3d.0",
        "type": "vm.failed",
        "endpoint": "central-vim",
        "state": "Delivered",
        "attempts": 1,
        "httpStatus": 204,
    }


COLUMNS = [
    ("vnfreplicaset", "vnfrs", "NAME DESIRED CURRENT READY RECOVERING LASTFAILURE AGE"),
    ("vimendpoint", "vim", "NAME URL FORMAT ACCEPTED REACHABLE DELIVERED LASTLATENCY AGE"),
    ("incident", "inc", "NAME FAULT RESOURCE CAUSE SEVERITY PHASE DELIVERED AGE"),
]


@pytest.mark.parametrize(("name", "short", "header"), COLUMNS)
def test_get_shows_a_table(kubectl: Kubectl, space: str, name: str, short: str, header: str) -> None:
    create(kubectl, example(name, space))

    table = kubectl("get", short, "-n", space).stdout.splitlines()

    assert table[0].split() == header.split()
    assert len(table) >= 2


def test_get_all_and_the_category_show_vnfs(kubectl: Kubectl, space: str) -> None:
    create(kubectl, example("vnfreplicaset-minimal", space))

    assert "vnfreplicaset.nfvi-ha.io/minimal" in kubectl("get", "all", "-n", space).stdout
    assert "vnfreplicaset.nfvi-ha.io/minimal" in kubectl("get", "nfvi-ha", "-n", space).stdout


def test_explain_documents_a_field(kubectl: Kubectl) -> None:
    told = kubectl("explain", "vnfreplicaset.spec.recovery.maxEarlyFailures").stdout

    assert "quarantined" in told


def test_crds_can_be_applied_again_without_a_change(kubectl: Kubectl, control_plane: ControlPlane) -> None:
    folder = ROOT / "crds" if control_plane.version >= CEL_SINCE else ROOT / "crds" / "no-cel"

    lines = kubectl("apply", "-f", str(folder)).stdout.splitlines()

    assert [line.rpartition(" ")[2] for line in lines] == ["unchanged"] * len(KINDS)
