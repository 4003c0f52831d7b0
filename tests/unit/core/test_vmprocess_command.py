"""Command lines, cgroup paths and identities as they are found on hypervisors, and as they should not be."""

import pytest

from nfvi_ha.core.vmprocess.command import (
    LauncherCommand,
    QemuCommand,
    is_qemu,
    pod_uid,
    read_launcher,
    read_qemu,
)
from nfvi_ha.core.vmprocess.identity import Identity, identify, identify_outside

UID = "0f4a3c1e-9d2b-4c55-8e77-5a1b2c3d4e5f"
SYSTEMD = f"kubepods-burstable-pod{UID.replace('-', '_')}.slice"


@pytest.mark.parametrize(
    "path",
    [
        f"0::/kubepods.slice/kubepods-burstable.slice/{SYSTEMD}/cri-containerd-c0ffee.scope",
        f"0::/kubepods.slice/kubepods-burstable.slice/{SYSTEMD}/cri-containerd-c0ffee.scope/emulator",
        f"0::/kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice/crio-c0ffee.scope",
        f"0::/kubepods/burstable/pod{UID}/c0ffee",
        f"0::/kubepods/pod{UID}/c0ffee/user.slice",
        f"12:cpu:/kubepods/besteffort/pod{UID}/c0ffee\n0::/",
        f"0::/../../kubepods-burstable.slice/{SYSTEMD}/cri-containerd-c0ffee.scope",
        f"burstable/pod{UID}/c0ffee",
    ],
)
def test_pod_is_read_from_every_shape_of_cgroup(path: str) -> None:
    assert pod_uid(path) == UID


@pytest.mark.parametrize(
    "path", ["", "0::/system.slice/kubelet.service", "0::/machine.slice/machine-qemu.scope", "pod12"]
)
def test_process_in_no_pod_has_none(path: str) -> None:
    assert pod_uid(path) == ""


@pytest.mark.parametrize(
    ("comm", "so"),
    [("qemu-system-x86", True), ("qemu-kvm", True), ("qemu-img", False), ("virt-launcher", False), ("", False)],
)
def test_qemu_by_its_process_name(comm: str, so: bool) -> None:
    assert is_qemu(comm) is so


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("guest=default_web-0,debug-threads=on", ("default", "web-0")),
        ("guest=default_with_underscore", ("default", "with_underscore")),
        ("debug-threads=on,guest=ns_vm", ("ns", "vm")),
        ("guest=plain,debug-threads=on", ("", "plain")),
        ("plain", ("", "plain")),
        ("guest=a,,b_c,debug-threads=on", ("a,b", "c")),
        ("guest=_x", ("", "_x")),
    ],
)
def test_vm_is_read_from_the_command_line_of_qemu(name: str, expected: tuple[str, str]) -> None:
    command = read_qemu(["/usr/bin/qemu-kvm", "-name", name, "-uuid", "f"])
    assert command == QemuCommand(*expected, "f")


@pytest.mark.parametrize("words", [[], ["qemu-kvm"], ["qemu-kvm", "-name"], ["qemu-kvm", "-name", ""]])
def test_command_line_without_a_name_tells_nothing(words: list[str]) -> None:
    assert read_qemu(words) is None


@pytest.mark.parametrize(
    "words",
    [
        ["virt-launcher", "--name", "web-0", "--uid", UID, "--namespace", "default", "--qemu-timeout", "300s"],
        ["virt-launcher", f"--uid={UID}", "-namespace=default", "-name", "web-0"],
    ],
)
def test_vm_is_read_from_the_command_line_of_the_launcher(words: list[str]) -> None:
    assert read_launcher(words) == LauncherCommand("default", "web-0", UID)


@pytest.mark.parametrize("words", [[], ["virt-launcher"], ["virt-launcher", "--uid"], ["virt-launcher", "--uid", ""]])
def test_launcher_without_a_uid_tells_nothing(words: list[str]) -> None:
    assert read_launcher(words) is None


QEMU = QemuCommand("default", "web-0", "firmware")
LAUNCHER = LauncherCommand("default", "web-0", UID)


def test_launcher_is_believed_before_the_cache() -> None:
    assert identify(QEMU, LAUNCHER, "other") == Identity(UID, "default", "web-0")


def test_cache_is_believed_where_there_is_no_launcher() -> None:
    assert identify(QEMU, None, "cached") == Identity("cached", "default", "web-0")


@pytest.mark.parametrize(
    ("qemu", "launcher", "cached"),
    [
        (QEMU, None, ""),
        (None, None, "cached"),
        (QemuCommand("default", "Bad Name", "f"), None, "cached"),
        (QemuCommand("d" * 64, "web-0", "f"), None, "cached"),
        (QEMU, LauncherCommand("default", "web-0", "\x00"), ""),
        (QEMU, LauncherCommand("default", "web-0", "u" * 64), ""),
    ],
)
def test_what_kubernetes_would_never_name_so_is_not_identified(
    qemu: QemuCommand | None, launcher: LauncherCommand | None, cached: str
) -> None:
    assert identify(qemu, launcher, cached) is None


def test_vm_of_libvirt_alone_has_its_firmware_uuid() -> None:
    assert identify_outside(QemuCommand("", "debian", UID)) == Identity(UID, "default", "debian")
