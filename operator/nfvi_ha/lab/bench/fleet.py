"""What the bench puts into the API: VNFReplicaSets, and the objects of KubeVirt and kubelet as large as real ones."""

import copy
import uuid
from datetime import datetime, timedelta
from typing import Final

from nfvi_ha.api.names import KUBEVIRT_NODE_NAME
from nfvi_ha.kube.resources import VNFREPLICASETS
from nfvi_ha.lab.cluster.launcher_pod import launcher_pod
from nfvi_ha.lab.hypervisor import guest_status
from nfvi_ha.lab.hypervisor.node import NodeSpec
from nfvi_ha.lab.objects import JsonObject, labels_of, name_of, set_phase, uid_of, with_condition

NAMESPACE: Final = "burst"
SET_SIZE: Final = 100
VMS_PER_NODE: Final = 20
MIN_NODES: Final = 4
_INTERFACES: Final = ("oam", "signalling", "media")


def set_sizes(vms: int) -> list[int]:
    """So many VMs as VNFReplicaSets of up to 100."""
    full, rest = divmod(vms, SET_SIZE)
    return [SET_SIZE] * full + ([rest] if rest else [])


def nodes(vms: int) -> list[NodeSpec]:
    """Hypervisors for so many VMs, 20 on each, in two zones."""
    count = max(MIN_NODES, -(-vms // VMS_PER_NODE))
    return [
        NodeSpec(f"hypervisor-{index + 1}", cpu="64", memory="512Gi", zone=f"zone-{'ab'[index % 2]}")
        for index in range(count)
    ]


def replica_set(number: int, replicas: int) -> JsonObject:
    """A VNF whose VMs have the disks and networks that telecom VMs have.

    Here VMs die young on purpose: no end counts as early, or slots would soon be in back-off.
    """
    app = f"vnf-{number}"
    disks = [{"name": name, "disk": {"bus": "virtio"}} for name in ("rootdisk", "config", "cloudinit")]
    interfaces: list[JsonObject] = [{"name": name, "bridge": {}, "model": "virtio"} for name in _INTERFACES]
    return {
        "apiVersion": VNFREPLICASETS.api_version,
        "kind": VNFREPLICASETS.kind,
        "metadata": {"name": app},
        "spec": {
            "replicas": replicas,
            "recovery": {"stableAfter": "0s"},
            "selector": {"matchLabels": {"app": app}},
            "template": {
                "metadata": {"labels": {"app": app, "tenant": "bench", "tier": "data-plane"}},
                "spec": {
                    "terminationGracePeriodSeconds": 5,
                    "evictionStrategy": "LiveMigrate",
                    "domain": {
                        "cpu": {"cores": 2, "sockets": 1, "threads": 1, "model": "host-model"},
                        "memory": {"guest": "4Gi"},
                        "machine": {"type": "q35"},
                        "devices": {"disks": disks, "interfaces": interfaces, "rng": {}},
                    },
                    "networks": [{"name": name, "multus": {"networkName": name}} for name in _INTERFACES],
                    "volumes": [
                        {"name": "rootdisk", "persistentVolumeClaim": {"claimName": f"{app}-root"}},
                        {"name": "config", "configMap": {"name": f"{app}-config"}},
                        {"name": "cloudinit", "cloudInitNoCloud": {"secretRef": {"name": f"{app}-init"}}},
                    ],
                },
            },
        },
    }


def pod_of(vmi: JsonObject, node: str) -> JsonObject:
    """The VM's launcher pod, already bound to the node."""
    pod = launcher_pod(vmi)
    pod["spec"]["nodeName"] = node
    pod["metadata"]["name"] = pod_name(vmi)
    del pod["metadata"]["generateName"]
    return pod


def pod_name(vmi: JsonObject) -> str:
    """One pod per VMI, so its name can be told."""
    return f"virt-launcher-{name_of(vmi)}-bench"


def running(vmi: JsonObject, node: str, pod_uid: str, now: datetime) -> JsonObject:
    """The VMI as virt-handler shows it once the guest and its agent are up, all on one write."""
    new = copy.deepcopy(vmi)
    new["metadata"]["labels"] = {**labels_of(vmi), KUBEVIRT_NODE_NAME: node}
    new["metadata"]["annotations"] = {
        **(vmi["metadata"].get("annotations") or {}),
        "kubevirt.io/latest-observed-api-version": "v1",
        "kubevirt.io/storage-observed-api-version": "v1",
    }
    for seconds, phase in ((4, "Pending"), (3, "Scheduling"), (2, "Scheduled"), (1, "Running")):
        set_phase(new, phase, now - timedelta(seconds=seconds))
    status = new["status"]
    status |= {
        "nodeName": node,
        "activePods": {pod_uid: node},
        "qosClass": "Burstable",
        "migrationMethod": "BlockMigration",
        "machine": {"type": "pc-q35-rhel9.6.0"},
        "launcherContainerImageVersion": f"nfvi-ha.invalid/virt-launcher@sha256:{'0' * 64}",
        "runtimeUser": 107,
        "selinuxContext": "system_u:object_r:container_file_t:s0:c1,c2",
        "virtualMachineRevisionName": f"revision-start-vm-{uid_of(vmi)}-1",
        "currentCPUTopology": {"cores": 2, "sockets": 1, "threads": 1},
        "memory": {"guestAtBoot": "4Gi", "guestCurrent": "4Gi", "guestRequested": "4Gi"},
        "guestOSInfo": {
            "id": "debian", "name": "Debian GNU/Linux", "version": "12", "versionId": "12",
            "prettyName": "Debian GNU/Linux 12 (bookworm)", "kernelRelease": "6.1.0-28-amd64",
            "kernelVersion": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1", "machine": "x86_64",
        },
        "interfaces": [
            {
                "name": name, "interfaceName": f"eth{index}", "infoSource": "domain, guest-agent", "queueCount": 2,
                "ipAddress": guest_status.address(uid_of(vmi) + name), "mac": f"52:54:00:00:00:{index:02x}",
                "ipAddresses": [guest_status.address(uid_of(vmi) + name), f"fe80::5054:ff:fe00:{index}"],
                "linkState": "up", "podInterfaceName": f"pod{index}",
            }
            for index, name in enumerate(_INTERFACES)
        ],
        "volumeStatus": [
            {"name": "cloudinit", "target": "vdc", "size": 1048576},
            {"name": "config", "target": "vdb", "size": 1048576},
            {
                "name": "rootdisk", "target": "vda",
                "persistentVolumeClaimInfo": {
                    "claimName": "root", "accessModes": ["ReadWriteMany"], "volumeMode": "Block",
                    "capacity": {"storage": "20Gi"}, "requests": {"storage": "20Gi"}, "filesystemOverhead": "0.055",
                },
            },
        ],
    }  # fmt: skip
    conditions: list[JsonObject] = []
    for kind in ("Ready", "LiveMigratable", "StorageLiveMigratable", "AgentConnected"):
        conditions = with_condition(conditions, {"type": kind, "status": "True"}, now)
    status["conditions"] = conditions
    return new


def touched(vmi: JsonObject, number: int) -> JsonObject:
    """A change that means nothing for availability: the guest agent tells of another load figure."""
    new = copy.deepcopy(vmi)
    new["status"]["guestOSInfo"]["kernelVersion"] = f"#1 SMP PREEMPT_DYNAMIC Debian, sample {number}"
    return new


def failed(vmi: JsonObject, now: datetime) -> JsonObject:
    """Its qemu crashed: what virt-handler writes."""
    return guest_status.ended(vmi, guest_status.CRASHED, now)


def boot_id(node: str) -> str:
    """A boot id for a node that never boots."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{node}.boot"))
