"""The template of a VNF's VMs, and what may not be in it."""

import json
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from nfvi_ha.api.errors import INVALID_LABEL, RESERVED_KEY, TEMPLATE_TOO_LARGE
from nfvi_ha.api.model import ApiModel, Rule
from nfvi_ha.api.names import (
    ANNOTATION_REPORT,
    GROUP,
    KUBEVIRT_CREATED_BY,
    KUBEVIRT_LAUNCHER_LABEL,
    KUBEVIRT_NODE_NAME,
    KUBEVIRT_SCHEDULABLE,
)
from nfvi_ha.api.selector import Labels, is_label_key

MAX_BYTES: Final = 256 * 1024
"""Of the template as JSON. A VMI spec is a few kB; each of up to 256 VMs carries its own copy in etcd."""
MAX_DEPTH: Final = 64
"""A VMI spec has about 10 levels. From 254 on we could not even write it (orjson)."""
OUR_PREFIX: Final = f"{GROUP}/"
KUBEVIRT_LABELS: Final = (
    KUBEVIRT_LAUNCHER_LABEL,
    KUBEVIRT_CREATED_BY,
    KUBEVIRT_NODE_NAME,
    KUBEVIRT_SCHEDULABLE,
    "kubevirt.io/migrationJobUID",
    "kubevirt.io/migrationTargetNodeName",
    "kubevirt.io/install-strategy",
    "vmi.kubevirt.io/id",
)
"""Labels that KubeVirt itself sets, and by which it finds VMs and pods; it refuses most of them from users."""


def is_reserved(key: str) -> bool:
    """Whether users must leave the label to us or to KubeVirt."""
    return key.startswith(OUR_PREFIX) or key in KUBEVIRT_LABELS


def _cel_reserved() -> str:
    names = ", ".join(f"'{name}'" for name in KUBEVIRT_LABELS)
    return f"k.startsWith('{OUR_PREFIX}') || k in [{names}]"


CEL_RESERVED: Final = _cel_reserved()


def _has_domain(spec: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(spec.get("domain"), dict):
        raise PydanticCustomError(
            "rule",
            "{problem}",
            {
                "problem": "must be a map with the VM's domain (devices, memory, CPU); copy it from a working VM",
                "field": "domain",
            },
        )
    return spec


VMISpec = Annotated[
    dict[str, Any],
    AfterValidator(_has_domain),
    WithJsonSchema(
        {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "required": ["domain"],
            "properties": {
                "domain": {
                    "type": "object",
                    "description": "The VM's virtual hardware, as KubeVirt's DomainSpec.",
                    "x-kubernetes-preserve-unknown-fields": True,
                }
            },
        }
    ),
]


def _depth_within(value: Any, levels: int) -> bool:
    """Whether nothing is nested deeper; level by level, so that the depth costs no stack."""
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return True
    return False


def _fits(template: "VMTemplate") -> bool:
    if not _depth_within(template.spec, MAX_DEPTH):
        return False
    try:
        text = json.dumps(template.spec) + json.dumps(template.metadata.annotations)
    except (RecursionError, ValueError):
        return False  # nested a thousand deep, or a number of thousands of digits
    return len(text) <= MAX_BYTES


class TemplateMetadata(ApiModel):
    """Labels and annotations of the VMs."""

    rules = (
        Rule(
            reason=RESERVED_KEY,
            field="labels",
            message=f"labels under {OUR_PREFIX} and KubeVirt's own ({', '.join(KUBEVIRT_LABELS)}) are set by the "
            "programs they belong to; remove them",
            holds=lambda self: not any(is_reserved(key) for key in self.labels),
            cel=f"!has(self.labels) || self.labels.all(k, !({CEL_RESERVED}))",
        ),
        Rule(
            reason=RESERVED_KEY,
            field="annotations",
            message=f"of the annotations under {OUR_PREFIX} only {ANNOTATION_REPORT} may be set; remove the others",
            holds=lambda self: all(
                not key.startswith(OUR_PREFIX) or key == ANNOTATION_REPORT for key in self.annotations
            ),
            cel="!has(self.annotations) || self.annotations.all(k, "
            f"!k.startsWith('{OUR_PREFIX}') || k == '{ANNOTATION_REPORT}')",
        ),
        Rule(
            reason=INVALID_LABEL,
            field="",
            message="a key of labels or annotations is not a valid Kubernetes key ([prefix/]name, the name at most 63 "
            "characters of letters, digits, '-', '_' and '.'); correct it",
            holds=lambda self: all(is_label_key(key) for key in (*self.labels, *self.annotations)),
        ),
    )

    labels: Labels = Field(default_factory=dict)
    """Labels of each VM. The set's selector must match them. KubeVirt copies them to the VM's pod."""
    annotations: Annotated[dict[str, str], Field(max_length=64)] = Field(default_factory=dict)
    """Annotations of each VM."""


class VMTemplate(ApiModel):
    """What each VM is made from. At most 256 KiB as JSON."""

    rules = (
        Rule(
            reason=TEMPLATE_TOO_LARGE,
            field="spec",
            message=f"the template is larger than {MAX_BYTES // 1024} KiB or nested deeper than {MAX_DEPTH} levels; "
            "move large data, like cloud-init's, to a Secret or a volume and refer to it",
            holds=_fits,
        ),
    )

    metadata: TemplateMetadata = TemplateMetadata()
    """Labels and annotations of each VM."""
    spec: VMISpec
    """Specification of each VM, as that of a KubeVirt VirtualMachineInstance. KubeVirt checks it on creation."""
