"""From a VNFReplicaSet's template to the VMI of one slot."""

import copy
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from nfvi_ha.api import names

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a VNF's VMs may run beside each other."""

    anti_affinity: str = "Preferred"
    """Required, Preferred or None."""
    topology_key: str = "kubernetes.io/hostname"
    spread: tuple[int, str, str] | None = None
    """(maxSkew, topologyKey, whenUnsatisfiable)."""


def vm_name(set_name: str, slot: int, attempt: int) -> str:
    """The deterministic name: a creation repeated after a crash meets its own object, not a second VM."""
    return f"{set_name}-{slot}-{attempt}"


def template_hash(template: JsonObject, placement: Placement) -> str:
    """Ten hex digits that change when, and only when, the VMs made from it would be others."""
    placed = [placement.anti_affinity, placement.topology_key, list(placement.spread or ())]
    text = json.dumps([template, placed], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def build_vmi(
    *, namespace: str, set_name: str, set_uid: str, slot: int, attempt: int, template: JsonObject, placement: Placement
) -> JsonObject:
    """The VMI to create for a slot: the template, our labels, controller reference, finalizer and placement.

    The finalizer is there from the first moment: a VMI must not vanish before its end was seen (invariant 1).
    """
    metadata = template.get("metadata") or {}
    spec = copy.deepcopy(template["spec"])
    place(spec, set_name, placement)
    labels = {**(metadata.get("labels") or {}), **slot_labels(set_name, slot, attempt)}
    labels[names.LABEL_TEMPLATE_HASH] = template_hash(template, placement)
    body: JsonObject = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": vm_name(set_name, slot, attempt),
            "namespace": namespace,
            "labels": labels,
            "finalizers": [names.FINALIZER_EVIDENCE],
            "ownerReferences": [owner_reference(set_name, set_uid)],
        },
        "spec": spec,
    }
    if metadata.get("annotations"):
        body["metadata"]["annotations"] = dict(metadata["annotations"])
    return body


def slot_labels(set_name: str, slot: int, attempt: int) -> dict[str, str]:
    """The labels that tell which place a VM fills."""
    return {names.LABEL_VNFRS: set_name, names.LABEL_SLOT: str(slot), names.LABEL_ATTEMPT: str(attempt)}


def owner_reference(set_name: str, set_uid: str) -> JsonObject:
    """The controller reference to the set; blockOwnerDeletion makes foreground deletion wait for the VMs."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": "VNFReplicaSet",
        "name": set_name,
        "uid": set_uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def place(spec: JsonObject, set_name: str, placement: Placement) -> None:
    """Add the placement's anti-affinity and spread to a VMI spec, beside what its author wrote."""
    selector = {"matchLabels": {names.LABEL_VNFRS: set_name}}
    term = {"labelSelector": selector, "topologyKey": placement.topology_key}
    if placement.anti_affinity in {"Required", "Preferred"}:
        # An author's explicit null counts as absent, here and below.
        spec["affinity"] = affinity = spec.get("affinity") or {}
        affinity["podAntiAffinity"] = anti = affinity.get("podAntiAffinity") or {}
        if placement.anti_affinity == "Required":
            _append(anti, "requiredDuringSchedulingIgnoredDuringExecution", term)
        else:
            weighted = {"weight": 100, "podAffinityTerm": term}
            _append(anti, "preferredDuringSchedulingIgnoredDuringExecution", weighted)
    if placement.spread is not None:
        max_skew, key, unsatisfiable = placement.spread
        constraint = {
            "maxSkew": max_skew,
            "topologyKey": key,
            "whenUnsatisfiable": unsatisfiable,
            "labelSelector": selector,
        }
        _append(spec, "topologySpreadConstraints", constraint)


def _append(holder: JsonObject, key: str, item: JsonObject) -> None:
    holder[key] = [*(holder.get(key) or []), item]
