"""Which VM does a qemu process run? (facts/detection.md section 2.2)"""

import re
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.vmprocess.command import LauncherCommand, QemuCommand

OUTSIDE_NAMESPACE: Final = "default"
"""Of a VM that libvirt runs without KubeVirt: it has none."""
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_UID: Final = re.compile(r"[0-9A-Za-z][-0-9A-Za-z]{0,62}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A VM, by names that fit the wire."""

    uid: str
    namespace: str
    name: str


def identify(qemu: QemuCommand | None, launcher: LauncherCommand | None, cached_uid: str) -> Identity | None:
    """None as long as uid, namespace and name are not all known, or are none that Kubernetes would give.

    Args:
        qemu: what its command line says.
        launcher: what the command line of the virt-launcher in its pod says: the surest word on the uid.
        cached_uid: what the API said of its pod or name; "" if nothing.
    """
    uid = launcher.vmi_uid if launcher is not None else cached_uid
    namespace = (launcher.namespace if launcher else "") or (qemu.namespace if qemu else "")
    name = (launcher.name if launcher else "") or (qemu.name if qemu else "")
    return _checked(uid, namespace, name)


def identify_outside(qemu: QemuCommand | None) -> Identity | None:
    """A VM of libvirt without KubeVirt: its ``-uuid`` is its uid."""
    if qemu is None:
        return None
    return _checked(qemu.firmware_uuid, qemu.namespace or OUTSIDE_NAMESPACE, qemu.name)


def _checked(uid: str, namespace: str, name: str) -> Identity | None:
    fits = _UID.fullmatch(uid) and _LABEL.fullmatch(namespace) and _NAME.fullmatch(name)
    return Identity(uid, namespace, name) if fits else None
