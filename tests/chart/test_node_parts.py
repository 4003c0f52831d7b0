"""Agents and sentinels as the chart makes them: no right more than is used, no privilege without a reason."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from nfvi_ha.agent.settings import check
from nfvi_ha.cli.helm import Helm
from nfvi_ha.core.key_material import SECRET_NAME
from nfvi_ha.core.wire.nonces import SEATS
from nfvi_ha.operator.keys.bearer import AUDIENCE
from nfvi_ha.operator.keys.certificate import AUTHORITY
from nfvi_ha.operator.keys.keeper import CERTIFICATE_SECRET
from nfvi_ha.operator.keys.service import PATH
from nfvi_ha.sentinel.scribe.access import Where, rules
from tests.chart.rendering import CHART, NAMESPACE, Obj, of_component, of_kind, one, render

FULL: Final = CHART / "ci" / "full-values.yaml"
CAPABILITIES: Final = {
    "DaemonSet": {"SYS_NICE", "IPC_LOCK", "NET_RAW", "NET_ADMIN", "SYS_PTRACE"},
    "StatefulSet": {"SYS_NICE", "NET_RAW"},
}
READING: Final = {"get", "list", "watch"}
Granted = set[tuple[str, str, str, tuple[str, ...]]]


def pod_of(objects: list[Obj], kind: str) -> Obj:
    spec: Obj = one(objects, kind)["spec"]["template"]["spec"]
    return spec


def args_of(objects: list[Obj], kind: str) -> list[str]:
    (container,) = pod_of(objects, kind)["containers"]
    return list(container["args"])


def spelled_out(found: list[Obj]) -> Granted:
    return {
        (group, resource, verb, tuple(rule.get("resourceNames", ())))
        for rule in found
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("kind", CAPABILITIES)
def test_every_capability_is_needed_and_explained(helm: Helm, kind: str) -> None:
    objects = render(helm)
    (container,) = pod_of(objects, kind)["containers"]

    context = container["securityContext"]
    assert context["capabilities"]["drop"] == ["ALL"]
    assert set(context["capabilities"]["add"]) == CAPABILITIES[kind]
    assert (context["privileged"], context["allowPrivilegeEscalation"]) == (False, False)
    assert context["readOnlyRootFilesystem"] is True
    folder = {"DaemonSet": "agent/daemonset.yaml", "StatefulSet": "sentinel/statefulset.yaml"}[kind]
    lines = (CHART / "templates" / folder).read_text().splitlines()
    for number, line in enumerate(lines):
        if re.fullmatch(r" +- [A-Z_]{6,}", line):
            assert lines[number - 1].lstrip().startswith("# "), line


def test_a_host_is_seen_only_by_what_has_to_see_it(helm: Helm) -> None:
    objects = render(helm)
    agent, sentinel, operator = (pod_of(objects, kind) for kind in ("DaemonSet", "StatefulSet", "Deployment"))

    assert (agent["hostPID"], agent["hostNetwork"], "hostIPC" in agent) == (True, True, False)
    assert sentinel["hostNetwork"] is True
    assert not {"hostPID", "hostIPC"} & sentinel.keys()
    assert not {"hostPID", "hostNetwork"} & operator.keys()
    for pod, more in ((agent, ["/run"]), (sentinel, [])):
        paths = [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume]
        assert paths[0].startswith("/var/lib/nfvi-ha/")
        assert paths[1:] == more


def test_an_agent_reads_in_the_hosts_run_whether_it_goes_down_and_writes_nothing_there(helm: Helm) -> None:
    objects = render(helm)
    (agent,) = pod_of(objects, "DaemonSet")["containers"]
    (mount,) = [mount for mount in agent["volumeMounts"] if mount["name"] == "host-run"]
    settings = one([each for each in objects if "agent.yaml" in each.get("data", {})], "ConfigMap")

    assert mount["readOnly"] is True
    assert f"runRoot: {mount['mountPath']}\n" in settings["data"]["agent.yaml"]


def test_no_kubelet_ends_healthy_beats_for_probes_that_stand_still(helm: Helm) -> None:
    (agent,) = pod_of(render(helm), "DaemonSet")["containers"]

    assert "livenessProbe" not in agent
    assert agent["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_cpu_is_requested_and_never_limited(helm: Helm, kind: str) -> None:
    (container,) = pod_of(render(helm), kind)["containers"]

    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert container["resources"]["limits"].keys() == {"memory"}


def test_agents_go_before_and_stay_after_everything_else_on_a_node(helm: Helm) -> None:
    agent = pod_of(render(helm), "DaemonSet")

    assert agent["priorityClassName"] == "system-node-critical"
    assert agent["tolerations"] == [{"operator": "Exists"}]
    assert pod_of(render(helm), "StatefulSet")["priorityClassName"] == "system-cluster-critical"


def test_each_seat_is_on_a_node_of_its_own_and_two_stay(helm: Helm) -> None:
    objects = of_component(render(helm), "sentinel")
    spec = one(objects, "StatefulSet")["spec"]
    (term,) = spec["template"]["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert spec["replicas"] == SEATS
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["serviceName"] == one(objects, "Service")["metadata"]["name"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"]
    assert spec["template"]["spec"]["topologySpreadConstraints"]
    assert one(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_agent_and_sentinel_fit_on_one_host(helm: Helm) -> None:
    """Both are on the host's network: no two of their ports may be the same."""
    ports = [
        (port["protocol"], port["containerPort"])
        for kind in ("DaemonSet", "StatefulSet")
        for port in pod_of(render(helm), kind)["containers"][0]["ports"]
    ]

    assert len(set(ports)) == len(ports) == 4
    assert ("UDP", 7946) not in ports, "MetalLB's speakers are there"


@pytest.mark.parametrize("values", [None, FULL], ids=["default", "full"])
def test_an_agents_settings_are_settings(helm: Helm, values: Path | None) -> None:
    objects = render(helm, values=values)
    config = one(of_component(objects, "agent"), "ConfigMap")
    raw = yaml.safe_load(config["data"]["agent.yaml"])
    service = next(obj for obj in of_kind(objects, "Service") if obj["metadata"]["name"].endswith("-keys"))
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc"

    settings = check({**raw, "node": "worker-1", "networks": [{"name": "node", "bind": "192.0.2.1"}]}, "chart")

    assert settings.key_service is not None
    assert settings.key_service.url == f"https://{host}{PATH}"
    assert service["spec"]["ports"][0]["port"] == 443
    operator = args_of(objects, "Deployment")
    assert f"--key-service-name={host}" in operator
    assert f"--agent-service-account={pod_of(objects, 'DaemonSet')['serviceAccountName']}" in operator


def test_networks_are_the_same_and_in_one_order_for_agents_and_sentinels(helm: Helm) -> None:
    def networks(kind: str, option: str, values: Path | None) -> list[str]:
        return [text.split("=", 2)[1] for text in args_of(render(helm, values=values), kind) if text.startswith(option)]

    for values in (None, FULL):
        names = networks("DaemonSet", "--network=", values)
        assert names == networks("StatefulSet", "--address=", values)
    assert names == ["mgmt", "storage"]
    assert "--network=node=[$(HOST_IP)]:9546" in args_of(render(helm), "DaemonSet")
    assert "--address=node=$(HOST_IP)" in args_of(render(helm), "StatefulSet")
    assert "--address=storage=fd00:5::/64" in args_of(render(helm, values=FULL), "StatefulSet")


def test_the_token_for_keys_is_good_for_nothing_else_and_the_private_key_stays_away(helm: Helm) -> None:
    (keys,) = [volume for volume in pod_of(render(helm), "DaemonSet")["volumes"] if volume["name"] == "keys"]
    token, authority = keys["projected"]["sources"]

    assert token["serviceAccountToken"]["audience"] == AUDIENCE
    assert authority["secret"]["name"] == CERTIFICATE_SECRET
    assert [item["key"] for item in authority["secret"]["items"]] == [AUTHORITY]
    assert SECRET_NAME not in str(pod_of(render(helm), "DaemonSet")), "master keys never leave sentinels and operator"


def test_replicas_know_how_many_they_should_be(helm: Helm) -> None:
    objects = render(helm, values=FULL)

    assert "--replicas=3" in args_of(objects, "Deployment")
    assert "--operator-replicas=3" in args_of(objects, "StatefulSet")


def test_a_sentinel_has_the_rights_that_its_scribe_lists_and_no_others(helm: Helm) -> None:
    objects = of_component(render(helm), "sentinel")
    namespaces = {
        Where.OWN_NAMESPACE: NAMESPACE,
        Where.NODE_LEASES: "kube-node-lease",
        Where.DEFAULT: "default",
        Where.KUBE_SYSTEM: "kube-system",
    }

    assert spelled_out(one(objects, "ClusterRole")["rules"]) == spelled_out(rules(Where.CLUSTER))
    for where, namespace in namespaces.items():
        assert spelled_out(one(objects, "Role", namespace)["rules"]) == spelled_out(rules(where)), where


def test_an_agent_changes_nothing_and_reads_no_secret(helm: Helm) -> None:
    objects = of_component(render(helm), "agent")
    granted = spelled_out(one(objects, "ClusterRole")["rules"])

    assert not of_kind(objects, "Role")
    assert {verb for _, _, verb, _ in granted} <= READING
    assert {resource for _, resource, _, _ in granted} == {"virtualmachineinstances", "pods", "nodes", "hapolicies"}


def test_the_operator_is_reached_by_two_ports_only(helm: Helm) -> None:
    objects = of_component(render(helm), "operator")
    policy = one(objects, "NetworkPolicy")["spec"]
    named = {port["name"] for port in pod_of(objects, "Deployment")["containers"][0]["ports"]}

    (rule,) = policy["ingress"]
    assert policy["policyTypes"] == ["Ingress"]
    assert {port["port"] for port in rule["ports"]} == named == {"http", "keys"}


@pytest.mark.parametrize("part", ["agent", "sentinel"])
def test_each_part_can_be_left_out(helm: Helm, part: str) -> None:
    assert of_component(render(helm, sets=[f"{part}.enabled=false"]), part) == []


def test_without_agents_nobody_hands_out_keys(helm: Helm) -> None:
    objects = render(helm, sets=["agent.enabled=false"])

    assert not [argument for argument in args_of(objects, "Deployment") if "key-service" in argument]
    assert not [obj for obj in of_kind(objects, "Service") if obj["metadata"]["name"].endswith("-keys")]


@pytest.mark.parametrize(
    "wrong",
    [
        "networks[0].name=UPPER",
        "networks[0].cidr=192.0.2.1",
        "networks=null",
        "agent.udpPort=0",
        "agent.privileged=true",
        "agent.stateDir=relative",
        "sentinel.replicas=5",
        "sentinel.logLevel=loud",
        "keyService.port=70000",
        "networkPolicy.enabled=maybe",
    ],
)
def test_wrong_values_are_refused(helm: Helm, wrong: str) -> None:
    done = helm.run("template", "nfvi-ha", str(CHART), "--set", wrong)

    assert done.returncode != 0
