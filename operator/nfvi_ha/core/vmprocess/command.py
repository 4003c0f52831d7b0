"""What the command lines of qemu and virt-launcher say (facts/detection.md section 2.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

QEMU_NAMES: Final = ("qemu-system", "qemu-kvm")
"""Beginnings of process names (KubeVirt: runtime.go)."""
LAUNCHER: Final = "virt-launcher"
_POD_UID: Final = re.compile(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class QemuCommand:
    """Which VM a qemu runs."""

    namespace: str
    name: str
    firmware_uuid: str
    """Not unique in a cluster: KubeVirt derives it from the VM's name."""


@dataclass(frozen=True, slots=True)
class LauncherCommand:
    """Which VM a virt-launcher serves."""

    namespace: str
    name: str
    vmi_uid: str


def is_qemu(comm: str) -> bool:
    """By the process name, of which the kernel keeps 15 characters."""
    return comm.startswith(QEMU_NAMES)


def read_qemu(words: Sequence[str]) -> QemuCommand | None:
    """Of libvirt's ``-name guest=<namespace>_<vmi>,...``; None if it is not such a command line.

    A namespace has no underscore, so the first one parts it from the name. libvirt doubles commas in names.
    """
    guest = ""
    for option in re.split(r"(?<!,),(?!,)", _after(words, "-name")):
        key, _, value = option.partition("=")
        if key == "guest" or (not value and not guest):
            guest = (value or key).replace(",,", ",")
    if not guest:
        return None
    namespace, underscore, name = guest.partition("_")
    if not underscore or not namespace or not name:
        namespace, name = "", guest
    return QemuCommand(namespace, name, _after(words, "-uuid"))


def read_launcher(words: Sequence[str]) -> LauncherCommand | None:
    """Of ``virt-launcher --name <vmi> --uid <uid> --namespace <namespace>``; None if it does not say the uid."""
    uid = _flag(words, "uid")
    return LauncherCommand(_flag(words, "namespace"), _flag(words, "name"), uid) if uid else None


def pod_uid(path: str) -> str:
    """The uid of the pod that a cgroup path belongs to, in whichever shape a kubelet gives it; "" if to none."""
    found = _POD_UID.findall(path)
    return found[-1].replace("_", "-") if found else ""


def _after(words: Sequence[str], option: str) -> str:
    return next((value for word, value in pairwise(words) if word == option), "")


def _flag(words: Sequence[str], name: str) -> str:
    """Of a Go program: one dash or two, the value behind it or after "="."""
    for place, word in enumerate(words):
        key, equals, value = word.partition("=")
        if key in (f"--{name}", f"-{name}"):
            return value if equals else next(iter(words[place + 1 : place + 2]), "")
    return ""
