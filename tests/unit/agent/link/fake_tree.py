"""A /sys/class/net and /proc/net/bonding that a test writes, as kernels show them."""

from pathlib import Path


class FakeTree:
    def __init__(self, root: Path) -> None:
        self.sysfs, self.procfs = root / "sys", root / "proc"
        self._net = self.sysfs / "class" / "net"
        self._net.mkdir(parents=True)
        (self.procfs / "net" / "bonding").mkdir(parents=True)

    def adapter(self, name: str, pci: str = "", carrier: str = "1\n", *, virtual_function: bool = False) -> None:
        """An interface; with a PCI address it has hardware behind it, by way of virtio as in a VM."""
        own = self._net / name
        own.mkdir()
        self.carrier(name, carrier)
        if pci:
            device = self.sysfs / "devices" / "pci0000:00" / pci / "virtio2"
            device.mkdir(parents=True)
            (own / "device").symlink_to(device)
            if virtual_function:
                (device / "physfn").mkdir()

    def carrier(self, name: str, value: str) -> None:
        (self._net / name / "carrier").write_text(value)

    def remove(self, name: str) -> None:
        for each in (self._net / name).iterdir():
            each.unlink()
        (self._net / name).rmdir()

    def bond(self, name: str, slaves: str, **entries: str) -> None:
        """With entries as in sysfs, e.g. ``mode="active-backup 1"``."""
        if not (self._net / name).exists():
            self.adapter(name)
            (self._net / name / "bonding").mkdir()
        defaults = {"mode": "active-backup 1", "miimon": "100", "arp_interval": "0", "downdelay": "0"}
        for entry, value in {**defaults, "slaves": slaves, **entries}.items():
            (self._net / name / "bonding" / entry).write_text(f"{value}\n")

    def proc_bond(self, name: str, text: str) -> None:
        (self.procfs / "net" / "bonding" / name).write_text(text)
