"""The chart and the kustomize bases on a real API server: installed, upgraded, uninstalled, with the CRDs' fate.

The control plane is this module's own: a release owns the cluster's CRDs. No kubelet starts the pods; that they are
made shows that the server admits them.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import yaml

from nfvi_ha.cli.helm import Helm, find_helm
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.errors import KubectlFailed
from nfvi_ha.lab.controlplane.kubectl import Kubectl

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts" / "nfvi-ha"
EXAMPLES: Final = ROOT / "manifests" / "examples"
SYSTEM: Final = "nfvi-ha-system"
CRDS: Final = ("incidents.nfvi-ha.io", "vimendpoints.nfvi-ha.io", "vnfreplicasets.nfvi-ha.io")
CEL_SINCE: Final = (1, 25, 0)
WAIT: Final = "--timeout=30s"

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180, func_only=True)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(assets: Assets) -> AsyncIterator[ControlPlane]:
    """With namespaces that stay: deleting one takes seconds."""
    async with await ControlPlane.start(assets=assets) as running:
        for namespace in (SYSTEM, "elsewhere"):
            running.kubectl("create", "namespace", namespace)
        # Without effect before 1.23.
        running.kubectl("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted")
        yield running


@pytest.fixture
def kubectl(plane: ControlPlane) -> Kubectl:
    return plane.kubectl


@pytest.fixture
def helm(plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> Iterator[Helm]:
    """helm on a cluster without a release of ours; whatever the test leaves is removed."""
    home = str(tmp_path / "helm")
    environment = {
        "HOME": home,
        "XDG_CACHE_HOME": home,
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(plane.kubeconfig),
    }
    helm = Helm(find_helm().binary, environment)
    yield helm
    for release in json.loads(helm("list", "--all-namespaces", "--output", "json")):
        helm("uninstall", release["name"], "--namespace", release["namespace"], "--wait")
    kubectl("delete", "crd", "--ignore-not-found", WAIT, *CRDS)


@pytest.fixture
def chart(kubectl: Kubectl, tmp_path: Path) -> Path:
    """The chart; a server that was built without its version's number would be refused, so not to that one."""
    said = kubectl.json("version")["serverVersion"]["gitVersion"]
    copy = tmp_path / "chart"
    shutil.copytree(CHART, copy)
    if said.startswith("v0.0.0"):
        about = yaml.safe_load((copy / "Chart.yaml").read_text())
        del about["kubeVersion"]
        (copy / "Chart.yaml").write_text(yaml.safe_dump(about))
    return copy


def install(helm: Helm, chart: Path, *arguments: str, namespace: str = SYSTEM) -> None:
    helm("install", "nfvi-ha", str(chart), "--namespace", namespace, *arguments)


def upgrade(helm: Helm, chart: Path, *arguments: str) -> None:
    helm("upgrade", "nfvi-ha", str(chart), "--namespace", SYSTEM, *arguments)


def uninstall(helm: Helm) -> None:
    helm("uninstall", "nfvi-ha", "--namespace", SYSTEM, "--wait")


def crds(kubectl: Kubectl) -> dict[str, Any]:
    found = kubectl.json("get", "crd")["items"]
    return {crd["metadata"]["name"]: crd for crd in found if crd["metadata"]["name"] in CRDS}


def deployment(kubectl: Kubectl) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.json("-n", SYSTEM, "get", "deployment", "nfvi-ha-operator")
    return found


def served(kubectl: Kubectl) -> None:
    kubectl("wait", "--for=condition=Established", WAIT, *(f"crd/{name}" for name in CRDS))


async def pods(kubectl: Kubectl, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while True:
            found: list[dict[str, Any]] = kubectl.json("-n", SYSTEM, "get", "pods")["items"]
            if len(found) == count:
                return found
            await asyncio.sleep(0.1)


async def test_dry_run_on_the_server_is_accepted_and_makes_nothing(helm: Helm, chart: Path, kubectl: Kubectl) -> None:
    install(helm, chart, "--dry-run=server")

    assert not crds(kubectl)
    assert not kubectl.json("-n", SYSTEM, "get", "deployments")["items"]


async def test_install_makes_pods_that_the_server_admits(helm: Helm, chart: Path, kubectl: Kubectl) -> None:
    install(helm, chart)

    made = await pods(kubectl, 2)
    assert {pod["spec"]["serviceAccountName"] for pod in made} == {"nfvi-ha-operator"}
    assert {pod["spec"]["priority"] for pod in made} == {2_000_000_000}
    assert kubectl.json("-n", SYSTEM, "get", "poddisruptionbudget", "nfvi-ha-operator")


async def test_installed_kinds_take_the_examples(helm: Helm, chart: Path, kubectl: Kubectl) -> None:
    install(helm, chart)
    served(kubectl)

    for example in ("vnfreplicaset", "vnfreplicaset-minimal", "vimendpoint-minimal", "incident"):
        kubectl("apply", "--dry-run=server", "-f", str(EXAMPLES / f"{example}.yaml"))
    document = (ROOT / "docs" / "howto" / "install.md").read_text()
    (endpoint,) = re.findall(r"kubectl apply -f - <<EOF\n(.*?)^EOF$", document, re.DOTALL | re.MULTILINE)
    assert "vimendpoint" in kubectl("apply", "--dry-run=server", "-f", "-", stdin=endpoint).stdout


async def test_crds_have_rules_where_the_server_knows_them(
    helm: Helm, chart: Path, kubectl: Kubectl, plane: ControlPlane
) -> None:
    install(helm, chart)

    assert ("x-kubernetes-validations" in json.dumps(crds(kubectl))) == (plane.version >= CEL_SINCE)


async def test_upgrade_changes_the_deployment_and_brings_new_fields_of_the_crds(
    helm: Helm, chart: Path, kubectl: Kubectl, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    shutil.copytree(chart, older)
    template = older / "templates" / "crds" / "vimendpoints.yaml"
    column = "    - name: Format\n      type: string\n      jsonPath: .spec.format\n"
    assert column in template.read_text()
    template.write_text(template.read_text().replace(column, ""))
    install(helm, older)
    assert "Format" not in columns(kubectl)
    kubectl("create", "-f", str(EXAMPLES / "vimendpoint-minimal.yaml"))

    upgrade(helm, chart, "--set", "replicaCount=3", "--set", "operator.logLevel=debug")

    spec = deployment(kubectl)["spec"]
    assert spec["replicas"] == 3
    assert "--log-level=debug" in spec["template"]["spec"]["containers"][0]["args"]
    assert "Format" in columns(kubectl)
    assert kubectl.json("get", "vimendpoint", "minimal")


def columns(kubectl: Kubectl) -> set[str]:
    (version,) = crds(kubectl)["vimendpoints.nfvi-ha.io"]["spec"]["versions"]
    return {column["name"] for column in version["additionalPrinterColumns"]}


async def test_uninstall_keeps_crds_and_objects_and_a_new_release_takes_them_over(
    helm: Helm, chart: Path, kubectl: Kubectl
) -> None:
    install(helm, chart)
    served(kubectl)
    kubectl("create", "-f", str(EXAMPLES / "vimendpoint-minimal.yaml"))
    uid = kubectl.json("get", "vimendpoint", "minimal")["metadata"]["uid"]

    uninstall(helm)

    assert set(crds(kubectl)) == set(CRDS)
    assert kubectl.json("get", "vimendpoint", "minimal")["metadata"]["uid"] == uid
    assert not ours(kubectl), "everything else is gone"

    install(helm, chart)

    assert kubectl.json("get", "vimendpoint", "minimal")["metadata"]["uid"] == uid


def ours(kubectl: Kubectl) -> list[str]:
    """What a release leaves apart from CRDs."""
    kinds = (
        "deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets,clusterroles,clusterrolebindings"
    )
    listed = kubectl("get", kinds, "--all-namespaces", "-l", "app.kubernetes.io/instance=nfvi-ha", "-o", "name")
    return listed.stdout.split()


async def test_uninstall_removes_crds_that_are_not_to_be_kept(helm: Helm, chart: Path, kubectl: Kubectl) -> None:
    install(helm, chart, "--set", "crds.keep=false")
    served(kubectl)

    uninstall(helm)

    kubectl("wait", "--for=delete", WAIT, *(f"crd/{name}" for name in CRDS))


async def test_second_release_beside_the_first_is_refused(helm: Helm, chart: Path, kubectl: Kubectl) -> None:
    """Two operators with Leases in different namespaces would both act on the same VMs."""
    install(helm, chart)

    done = helm.run("install", "nfvi-ha", str(chart), "--namespace", "elsewhere")

    assert done.returncode != 0
    assert "cannot be imported into the current release" in done.stderr


async def test_base_for_new_servers_is_refused_by_old_ones_and_not_cut_down(
    helm: Helm, kubectl: Kubectl, plane: ControlPlane
) -> None:
    if plane.version >= CEL_SINCE:
        folder = yaml.safe_load((ROOT / "manifests" / "base-without-cel" / "kustomization.yaml").read_text())
        assert folder["resources"], "both bases exist; this server takes either"
        return

    with pytest.raises(KubectlFailed, match="x-kubernetes-validations"):
        kubectl("create", "--dry-run=server", "-f", str(ROOT / "manifests" / "base" / "crd-vnfreplicasets.yaml"))


async def test_kustomize_base_is_accepted(helm: Helm, kubectl: Kubectl, plane: ControlPlane) -> None:
    # The base brings its own namespace, and takes it away again.
    kubectl("delete", "namespace", SYSTEM, WAIT)
    base = ROOT / "manifests" / ("base" if plane.version >= CEL_SINCE else "base-without-cel")

    kubectl("apply", "-k", str(base))

    try:
        served(kubectl)
        await pods(kubectl, 2)
        assert set(crds(kubectl)) == set(CRDS)
    finally:
        kubectl("delete", "-k", str(base), "--timeout=60s")
        kubectl("create", "namespace", SYSTEM)
