"""Rules that every rendered object has to keep, whatever the values: least privilege, probes, standbys."""

from pathlib import Path

import pytest

from nfvi_ha.api.names import GROUP
from nfvi_ha.cli.helm import Helm
from nfvi_ha.operator.app import STOP_SECONDS
from nfvi_ha.operator.keys.keeper import CERTIFICATE_SECRET
from tests.chart.rendering import CHART, NAMESPACE, VALUES, Obj, of_component, of_kind, one, render

READING = {"get", "list", "watch"}
WRITES = {
    ("kubevirt.io", "virtualmachineinstances"): {"create", "patch", "delete"},
    (GROUP, "incidents"): {"create", "patch", "delete"},
    (GROUP, "incidents/status"): {"patch"},
    (GROUP, "vnfreplicasets/status"): {"patch"},
    (GROUP, "vimendpoints/status"): {"patch"},
    (GROUP, "hapolicies/status"): {"patch"},
    ("authentication.k8s.io", "tokenreviews"): {"create"},
    (GROUP, "vnfreplicasets/finalizers"): {"update"},
    ("events.k8s.io", "events"): {"create", "patch"},
}
"""All that may be changed outside of the operator's namespace, of objects of others: VMIs, and their Events."""


@pytest.fixture(params=VALUES, ids=lambda path: path.stem if path else "default")
def objects(request: pytest.FixtureRequest, helm: Helm) -> list[Obj]:
    return render(helm, values=request.param)


def pod_of(objects: list[Obj]) -> Obj:
    spec: Obj = one(objects, "Deployment")["spec"]["template"]["spec"]
    return spec


def rules_of(objects: list[Obj], kind: str) -> list[Obj]:
    return [rule for role in of_kind(objects, kind) for rule in role["rules"]]


def operator_rules(objects: list[Obj]) -> list[Obj]:
    """Those of the operator's own ClusterRole."""
    objects = of_component(objects, "operator")
    bound = {binding["roleRef"]["name"] for binding in of_kind(objects, "ClusterRoleBinding")}
    return rules_of(
        [role for role in of_kind(objects, "ClusterRole") if role["metadata"]["name"] in bound], "ClusterRole"
    )


def test_pod_needs_no_privilege(objects: list[Obj]) -> None:
    pod = pod_of(objects)
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"].get("runAsUser", 65532) > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert all(volume.keys() <= {"name", "emptyDir"} for volume in pod["volumes"])


def test_only_tmp_is_writable(objects: list[Obj]) -> None:
    (container,) = pod_of(objects)["containers"]

    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]


def test_probes_ask_what_the_operator_serves(objects: list[Obj]) -> None:
    (container,) = pod_of(objects)["containers"]

    paths = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert {container[name]["httpGet"]["port"] for name in paths} == {container["ports"][0]["name"]}


def test_cpu_is_requested_and_never_limited(objects: list[Obj]) -> None:
    (container,) = pod_of(objects)["containers"]

    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert container["resources"]["limits"].keys() == {"memory"}


def test_pod_knows_its_name_and_namespace(objects: list[Obj]) -> None:
    (container,) = pod_of(objects)["containers"]

    assert {entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in container["env"]} == {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
    }


def test_pod_has_time_to_end(objects: list[Obj]) -> None:
    assert pod_of(objects)["terminationGracePeriodSeconds"] > STOP_SECONDS


def test_token_is_in_the_operators_pods_alone(objects: list[Obj]) -> None:
    assert pod_of(objects)["automountServiceAccountToken"] is True
    assert all(account["automountServiceAccountToken"] is False for account in of_kind(objects, "ServiceAccount"))


def test_no_role_has_a_wildcard(objects: list[Obj]) -> None:
    for rule in rules_of(objects, "ClusterRole") + rules_of(objects, "Role"):
        assert "nonResourceURLs" not in rule
        assert not [text for field in ("apiGroups", "resources", "verbs") for text in rule[field] if "*" in text]


def test_no_role_can_raise_rights_or_act_as_another(objects: list[Obj]) -> None:
    for rule in rules_of(objects, "ClusterRole") + rules_of(objects, "Role"):
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
        assert not {"pods/exec", "serviceaccounts/token", "nodes/proxy"} & set(rule["resources"])


def test_operator_changes_only_what_the_design_allows(objects: list[Obj]) -> None:
    for rule in operator_rules(objects):
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                assert set(rule["verbs"]) - READING <= WRITES.get((group, resource), set()), (group, resource)


def test_secrets_and_leases_are_readable_in_single_namespaces_only(objects: list[Obj]) -> None:
    resources = {resource for rule in rules_of(objects, "ClusterRole") for resource in rule["resources"]}

    assert not {"secrets", "configmaps", "leases"} & resources


def test_own_namespace_is_where_secrets_are_read(helm: Helm) -> None:
    rules = one(of_component(render(helm), "operator"), "Role", NAMESPACE)["rules"]

    reading, renewing = [rule for rule in rules if "secrets" in rule["resources"]]
    assert set(reading["verbs"]) == {"list", "watch", "create"}
    assert (renewing["resourceNames"], renewing["verbs"]) == ([CERTIFICATE_SECRET], ["patch"])


def test_node_leases_are_read_only(helm: Helm) -> None:
    for component in ("operator", "sentinel"):
        (rule,) = one(of_component(render(helm), component), "Role", "kube-node-lease")["rules"]

        assert (rule["apiGroups"], rule["resources"]) == (["coordination.k8s.io"], ["leases"])
        assert set(rule["verbs"]) <= READING


def test_of_namespaces_only_kube_system_is_read(helm: Helm) -> None:
    (rule,) = [rule for rule in operator_rules(render(helm)) if "namespaces" in rule["resources"]]

    assert (rule["resourceNames"], rule["verbs"]) == (["kube-system"], ["get"])


@pytest.mark.parametrize(("role", "roles"), [("view", {"view", "edit", "admin"}), ("edit", {"edit", "admin"})])
def test_tenants_roles_aggregate_upwards(helm: Helm, role: str, roles: set[str]) -> None:
    labels = tenant_role(helm, role)["metadata"]["labels"]

    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    assert {label.removeprefix(prefix) for label in labels if label.startswith(prefix)} == roles


def test_tenants_may_read_incidents_and_never_write_them(helm: Helm) -> None:
    verbs: dict[str, set[str]] = {}
    for role in ("view", "edit"):
        for rule in tenant_role(helm, role)["rules"]:
            for resource in rule["resources"]:
                verbs.setdefault(resource.split("/")[0], set()).update(rule["verbs"])

    assert verbs["incidents"] == READING
    assert verbs["vnfreplicasets"] > READING
    assert verbs.keys() == {"incidents", "vnfreplicasets"}, "VIMEndpoints are for cluster administrators"


def test_tenants_never_write_a_status(helm: Helm) -> None:
    for rule in tenant_role(helm, "edit")["rules"]:
        assert not [resource for resource in rule["resources"] if resource.endswith("/status")]


def test_replicas_are_hot_standbys_on_different_nodes(helm: Helm) -> None:
    deployment = one(render(helm), "Deployment")["spec"]
    (term,) = pod_of(render(helm))["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"] == deployment["selector"]["matchLabels"]
    assert one(of_component(render(helm), "operator"), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_operator_is_scheduled_before_what_it_guards_and_beside_the_control_plane(helm: Helm) -> None:
    pod = pod_of(render(helm))

    tolerated = {toleration["key"]: toleration.get("tolerationSeconds") for toleration in pod["tolerations"]}
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert tolerated["node-role.kubernetes.io/control-plane"] is None
    assert tolerated["node-role.kubernetes.io/master"] is None
    assert tolerated["node.kubernetes.io/unreachable"] <= 60


def test_every_rule_says_why() -> None:
    for template in Path(CHART / "templates" / "rbac").glob("*.yaml"):
        lines = template.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("- apiGroups:"):
                assert lines[number - 1].startswith("# "), f"{template.name}:{number + 1}"


def tenant_role(helm: Helm, role: str) -> Obj:
    found = [obj for obj in of_kind(render(helm), "ClusterRole") if obj["metadata"]["name"] == f"nfvi-ha-{role}"]
    assert len(found) == 1
    return found[0]
