"""The virt-launcher pod of a VMI, as KubeVirt's virt-controller renders it (the parts that anybody reads)."""

from decimal import Decimal
from typing import Any, Final

from nfvi_ha.api.names import (
    KUBEVIRT_CREATED_BY,
    KUBEVIRT_DOMAIN,
    KUBEVIRT_LAUNCHER_LABEL,
    KUBEVIRT_LAUNCHER_VALUE,
    KUBEVIRT_SCHEDULABLE,
)
from nfvi_ha.lab.objects import COMPUTE, UNPAUSED_GATE, JsonObject, labels_of, name_of, namespace_of, uid_of
from nfvi_ha.lab.quantity import parse_quantity, whole

GRACE_PADDING_SECONDS: Final = 30
"""KubeVirt gives the pod this much more than the guest gets to shut down."""
DEFAULT_GRACE_SECONDS: Final = 30
CPU_ALLOCATION_RATIO: Final = 10
"""KubeVirt's default: a guest CPU without a request of its own asks for a tenth of a core."""
MEMORY_OVERHEAD: Final = 250 * 2**20
"""What launcher, libvirt and qemu take beside the guest's memory; KubeVirt computes it, this is a round figure."""

_COPIED: Final = ("affinity", "tolerations", "topologySpreadConstraints", "schedulerName", "priorityClassName")


def grace_seconds(vmi: JsonObject) -> int:
    """How long the guest may take to shut down."""
    value = vmi["spec"].get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE_SECONDS if value is None else int(value)


def launcher_pod(vmi: JsonObject) -> JsonObject:
    """The pod to create; its name is left to the server (``virt-launcher-<vmi>-`` and five letters).

    Raises:
        ValueError: a quantity of the VMI cannot be read.
    """
    spec = vmi["spec"]
    name = name_of(vmi)
    pod_spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_seconds(vmi) + GRACE_PADDING_SECONDS,
        "nodeSelector": {**(spec.get("nodeSelector") or {}), KUBEVIRT_SCHEDULABLE: "true"},
        "readinessGates": [{"conditionType": UNPAUSED_GATE}],
        "containers": [
            {
                "name": COMPUTE,
                "image": "nfvi-ha.invalid/virt-launcher:lab",
                "command": ["/usr/bin/virt-launcher-monitor", "--name", name, "--namespace", namespace_of(vmi)],
                "resources": compute_resources(spec),
            }
        ],
    }
    pod_spec.update({key: spec[key] for key in _COPIED if spec.get(key)})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"virt-launcher-{name}-",
            "namespace": namespace_of(vmi),
            "labels": {
                **labels_of(vmi),
                KUBEVIRT_LAUNCHER_LABEL: KUBEVIRT_LAUNCHER_VALUE,
                KUBEVIRT_CREATED_BY: uid_of(vmi),
                "vmi.kubevirt.io/id": name[:63],
                "vm.kubevirt.io/name": name[:63],
            },
            "annotations": {KUBEVIRT_DOMAIN: name, "kubevirt.io/migrationTransportUnix": "true"},
            "ownerReferences": [
                {
                    "apiVersion": "kubevirt.io/v1",
                    "kind": "VirtualMachineInstance",
                    "name": name,
                    "uid": uid_of(vmi),
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": pod_spec,
    }


def compute_resources(spec: JsonObject) -> dict[str, dict[str, str]]:
    """Requests (and limits, when the template has some) of the ``compute`` container.

    Raises:
        ValueError: a quantity cannot be read.
    """
    domain = spec["domain"]
    given = domain.get("resources") or {}
    requests = {key: str(value) for key, value in (given.get("requests") or {}).items()}
    limits = {key: str(value) for key, value in (given.get("limits") or {}).items()}
    memory = domain.get("memory") or {}
    guest = requests.get("memory") or limits.get("memory") or memory.get("guest") or "0"
    requests["memory"] = str(whole(guest) + MEMORY_OVERHEAD)
    if "memory" in limits:
        limits["memory"] = str(whole(limits["memory"]) + MEMORY_OVERHEAD)
    cpu = domain.get("cpu") or {}
    if "cpu" not in requests and "cpu" not in limits:
        cores = Decimal(1)
        for part in ("cores", "sockets", "threads"):
            cores *= parse_quantity(cpu.get(part) or 1)
        dedicated = bool(cpu.get("dedicatedCpuPlacement"))
        requests["cpu"] = str(cores) if dedicated else f"{int(cores * 1000 / CPU_ALLOCATION_RATIO)}m"
        if dedicated:
            limits.update(cpu=str(cores), memory=limits.get("memory", requests["memory"]))
    return {"requests": requests, "limits": limits} if limits else {"requests": requests}
