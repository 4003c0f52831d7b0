"""What the chart renders is accepted by helm and by the schemas of Kubernetes, and its CRDs are those in crds/."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from nfvi_ha import __version__
from nfvi_ha.api.schema import KINDS
from nfvi_ha.cli.helm import Helm
from tests.chart.rendering import CHART, KUBE_VERSIONS, ROOT, VALUES, Obj, key, of_component, of_kind, one, render

FULL = CHART / "ci" / "full-values.yaml"
MINIMAL = CHART / "ci" / "minimal-values.yaml"
OPENSHIFT = CHART / "ci" / "openshift-values.yaml"
WORKLOADS = {"operator": "Deployment", "agent": "DaemonSet", "sentinel": "StatefulSet"}
OLDEST_SCHEMAS = "1.25.0"
"""Of kubernetes-validate; older releases are asked themselves, in tests/integration/test_helm_release.py."""


def values_name(values: Path | None) -> str:
    return values.stem if values else "default"


@pytest.mark.parametrize("values", VALUES, ids=values_name)
@pytest.mark.parametrize("kube", KUBE_VERSIONS)
def test_lint_is_content(helm: Helm, values: Path | None, kube: str) -> None:
    more = ["--values", str(values)] if values else []

    done = helm.run("lint", str(CHART), "--strict", "--kube-version", kube, *more)

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("values", VALUES, ids=values_name)
@pytest.mark.parametrize("kube", KUBE_VERSIONS[1:])
def test_every_object_fits_its_strict_schema(helm: Helm, values: Path | None, kube: str) -> None:
    for obj in render(helm, kube=kube, values=values):
        if obj["kind"] != "ServiceMonitor":
            kubernetes_validate.validate(obj, kube, strict=True)


def test_old_helm_and_old_kubernetes_are_told() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert (chart["apiVersion"], chart["kubeVersion"]) == ("v2", ">=1.20.0-0")


def test_kubernetes_before_1_20_is_refused(helm: Helm) -> None:
    done = helm.run("template", "nfvi-ha", str(CHART), "--kube-version", "1.19.16")

    assert done.returncode != 0
    assert "kubeVersion: >=1.20.0-0" in done.stderr


def test_versions_are_those_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["version"] == chart["appVersion"] == __version__


def test_catalogue_entry_names_our_kinds() -> None:
    annotations = yaml.safe_load((CHART / "Chart.yaml").read_text())["annotations"]

    listed = {(crd["kind"], crd["name"]) for crd in yaml.safe_load(annotations["artifacthub.io/crds"])}
    assert listed == {(kind.info.kind, f"{kind.info.plural}.nfvi-ha.io") for kind in KINDS}
    examples = {obj["kind"]: obj for obj in yaml.safe_load(annotations["artifacthub.io/crdsExamples"])}
    for kind in ("VNFReplicaSet", "VIMEndpoint"):
        example = ROOT / "manifests" / "examples" / f"{kind.lower()}-minimal.yaml"
        assert examples[kind] == yaml.safe_load(example.read_text())


@pytest.mark.parametrize(
    ("kube", "folder"), [("1.20.2", "crds/no-cel"), ("1.24.17", "crds/no-cel"), ("1.25.0", "crds")]
)
def test_crds_are_those_of_the_repository(helm: Helm, kube: str, folder: str) -> None:
    wanted = [yaml.safe_load(path.read_text()) for path in (ROOT / folder).glob("*.yaml")]

    rendered = of_kind(render(helm, kube=kube), "CustomResourceDefinition")

    bare = []
    for crd in rendered:
        metadata = {field: value for field, value in crd["metadata"].items() if field not in {"labels", "annotations"}}
        bare.append(crd | {"metadata": metadata})
    assert sorted(bare, key=key) == sorted(wanted, key=key)
    assert len(bare) == len(KINDS)


def test_vendors_version_suffix_does_not_change_the_crds(helm: Helm) -> None:
    plain = of_kind(render(helm, kube="1.25.0"), "CustomResourceDefinition")

    assert of_kind(render(helm, kube="v1.25.0-eks-a1b2c3"), "CustomResourceDefinition") == plain


@pytest.mark.parametrize("keep", [True, False])
def test_crds_outlive_the_release_if_wanted(helm: Helm, keep: bool) -> None:
    crds = of_kind(render(helm, sets=[f"crds.keep={str(keep).lower()}"]), "CustomResourceDefinition")

    policies = {crd["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for crd in crds}
    assert policies == {"keep" if keep else None}


def test_crds_can_be_left_out(helm: Helm) -> None:
    assert not of_kind(render(helm, sets=["crds.enabled=false"]), "CustomResourceDefinition")


@pytest.mark.parametrize(("kube", "version"), [("1.20.2", "policy/v1beta1"), ("1.21.0", "policy/v1")])
def test_disruption_budget_is_of_a_version_that_the_server_knows(helm: Helm, kube: str, version: str) -> None:
    budgets = of_kind(render(helm, kube=kube), "PodDisruptionBudget")

    assert [budget["apiVersion"] for budget in budgets] == [version, version]


@pytest.mark.parametrize("kube", KUBE_VERSIONS)
def test_nothing_needs_a_version_that_the_oldest_server_lacks(helm: Helm, kube: str) -> None:
    known = {
        "v1", "apps/v1", "rbac.authorization.k8s.io/v1", "apiextensions.k8s.io/v1", "policy/v1", "policy/v1beta1",
        "networking.k8s.io/v1",
    }  # fmt: skip

    assert {obj["apiVersion"] for obj in render(helm, kube=kube)} <= known


@pytest.mark.parametrize(("component", "kind"), WORKLOADS.items())
@pytest.mark.parametrize("values", VALUES, ids=values_name)
def test_selectors_find_the_pods_and_names_are_consistent(
    helm: Helm, values: Path | None, component: str, kind: str
) -> None:
    objects = of_component(render(helm, values=values), component)
    if not objects and values == MINIMAL:
        return
    workload = one(objects, kind)
    pod = workload["spec"]["template"]
    labels = pod["metadata"]["labels"].items()

    selectors = [workload["spec"]["selector"]["matchLabels"]]
    selectors += [obj["spec"]["selector"]["matchLabels"] for obj in of_kind(objects, "PodDisruptionBudget")]
    selectors += [obj["spec"]["podSelector"]["matchLabels"] for obj in of_kind(objects, "NetworkPolicy")]
    selectors += [obj["spec"]["selector"] for obj in of_kind(objects, "Service")]
    assert all(selector.items() <= labels for selector in selectors)
    assert all(selector["app.kubernetes.io/component"] == component for selector in selectors)
    accounts = of_kind(objects, "ServiceAccount")
    for account in accounts:
        assert account["metadata"]["name"] == pod["spec"]["serviceAccountName"]
    roles = {key(obj)[1:] for obj in (*of_kind(objects, "Role"), *of_kind(objects, "ClusterRole"))}
    for binding in (*of_kind(objects, "RoleBinding"), *of_kind(objects, "ClusterRoleBinding")):
        assert (binding["metadata"].get("namespace", ""), binding["roleRef"]["name"]) in roles
        (subject,) = binding["subjects"]
        assert subject["name"] == pod["spec"]["serviceAccountName"]
        assert subject["namespace"] == workload["metadata"]["namespace"]


def test_every_namespaced_object_says_its_namespace(helm: Helm) -> None:
    cluster_scoped = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}

    for obj in render(helm, values=FULL):
        assert ("namespace" in obj["metadata"]) == (obj["kind"] not in cluster_scoped), key(obj)


def test_standard_labels_are_on_every_object(helm: Helm) -> None:
    wanted = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "managed-by", "part-of")}

    for obj in render(helm, values=FULL):
        assert wanted <= obj["metadata"]["labels"].keys(), key(obj)


def test_releases_in_two_namespaces_share_no_cluster_scoped_role(helm: Helm) -> None:
    def roles(namespace: str) -> set[tuple[str, str, str]]:
        objects = render(helm, namespace=namespace)
        return {key(obj) for obj in objects if obj["kind"] in {"ClusterRole", "ClusterRoleBinding"}}

    assert not roles("one") & roles("two")


def test_everything_optional_can_be_switched_off(helm: Helm) -> None:
    objects = render(helm, values=MINIMAL)

    assert [obj["kind"] for obj in objects] == ["Deployment"]
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "brought-by-others"


def test_a_foreign_service_account_needs_its_name(helm: Helm) -> None:
    done = helm.run("template", "nfvi-ha", str(CHART), "--set", "serviceAccount.create=false")

    assert done.returncode != 0
    assert "serviceAccount.name is needed" in done.stderr


def test_a_service_monitor_needs_the_service(helm: Helm) -> None:
    done = helm.run(
        "template", "nfvi-ha", str(CHART),
        "--set", "metrics.serviceMonitor.enabled=true", "--set", "metrics.service.enabled=false",
    )  # fmt: skip

    assert done.returncode != 0
    assert "needs metrics.service.enabled" in done.stderr


def test_values_reach_the_pod(helm: Helm) -> None:
    spec = one(render(helm, values=FULL), "Deployment")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]

    assert spec["replicas"] == 3
    assert container["image"].startswith("registry.example.com:5000/nfv/nfvi-ha@sha256:0123")
    assert {"--cluster=edge-7", "--host=::", "--port=9090", "--log-level=debug"} <= set(container["args"])
    assert container["ports"][0]["containerPort"] == 9090
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]["app.kubernetes.io/name"] == "nfvi-ha"
    assert spec["template"]["metadata"]["labels"]["example.com/tier"] == "infra"
    monitor: Obj = one(render(helm, values=FULL), "ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["interval"] == "5s"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_platform_may_choose_the_user(helm: Helm) -> None:
    context = one(render(helm, values=OPENSHIFT), "Deployment")["spec"]["template"]["spec"]["securityContext"]

    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
