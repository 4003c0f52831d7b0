"""A host whose hardware is files."""

from pathlib import Path


class FakeHost:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, text: object) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def dimm(self, ce: int = 0, ue: int = 0, mc: str = "mc0", dimm: str = "dimm0", label: str = "CPU0_DIMM_A1") -> None:
        base = f"devices/system/edac/mc/{mc}"
        self.write(f"{base}/{dimm}/dimm_ce_count", ce)
        self.write(f"{base}/{dimm}/dimm_ue_count", ue)
        self.write(f"{base}/{dimm}/dimm_label", label)
        self.controller(ce, ue, mc)

    def controller(self, ce: int, ue: int, mc: str = "mc0", ce_nowhere: int = 0, ue_nowhere: int = 0) -> None:
        base = f"devices/system/edac/mc/{mc}"
        self.write(f"{base}/ce_noinfo_count", ce_nowhere)
        self.write(f"{base}/ue_noinfo_count", ue_nowhere)
        self.write(f"{base}/ce_count", ce)
        self.write(f"{base}/ue_count", ue)

    def pci(self, cor: int = 0, nonfatal: int = 0, fatal: int = 0, address: str = "0000:3b:00.0") -> None:
        base = f"bus/pci/devices/{address}"
        self.write(f"{base}/aer_dev_correctable", f"RxErr 0\nBadTLP {cor}\nBadDLLP 0\nTOTAL_ERR_COR {cor}")
        self.write(f"{base}/aer_dev_nonfatal", f"Undefined 0\nDLP 0\nTOTAL_ERR_NONFATAL {nonfatal}")
        self.write(f"{base}/aer_dev_fatal", f"Undefined 0\nDLP {fatal}\nTOTAL_ERR_FATAL {fatal}")

    def root_port(self, cor: int, nonfatal: int, fatal: int, address: str) -> None:
        base = f"bus/pci/devices/{address}"
        self.pci(address=address)
        for name, value in (("cor", cor), ("nonfatal", nonfatal), ("fatal", fatal)):
            self.write(f"{base}/aer_rootport_total_err_{name}", value)

    def sensor(self, degrees: float, crit_alarm: int = 0, hwmon: str = "hwmon1") -> None:
        base = f"class/hwmon/{hwmon}"
        self.write(f"{base}/name", "coretemp")
        self.write(f"{base}/temp1_label", "Package id 0")
        self.write(f"{base}/temp1_input", int(degrees * 1000))
        self.write(f"{base}/temp1_max", 85000)
        self.write(f"{base}/temp1_crit", 95000)
        self.write(f"{base}/temp1_crit_alarm", crit_alarm)

    def zone(self, degrees: float) -> None:
        base = "class/thermal/thermal_zone0"
        self.write(f"{base}/type", "acpitz")
        self.write(f"{base}/temp", int(degrees * 1000))
        for trip, (kind, limit) in enumerate((("passive", 70000), ("hot", 90000), ("critical", 100000))):
            self.write(f"{base}/trip_point_{trip}_type", kind)
            self.write(f"{base}/trip_point_{trip}_temp", limit)

    def cpu(self, number: int, throttled: int, package: int = 0) -> None:
        base = f"devices/system/cpu/cpu{number}"
        self.write(f"{base}/topology/physical_package_id", package)
        self.write(f"{base}/thermal_throttle/core_throttle_count", throttled)
        self.write(f"{base}/thermal_throttle/package_throttle_count", throttled)

    def disk(self, name: str, state: str = "running") -> None:
        self.write(f"block/{name}/device/state", state)

    def nic(self, name: str = "eth0", crc: int = 0, errors: int = 0, changes: int = 1) -> None:
        base = f"class/net/{name}"
        (self.root / base / "device").mkdir(parents=True, exist_ok=True)
        for counter, value in (
            ("rx_crc_errors", crc),
            ("rx_frame_errors", crc),
            ("rx_errors", crc + errors),
            ("tx_errors", 0),
        ):
            self.write(f"{base}/statistics/{counter}", value)
        self.write(f"{base}/carrier_changes", changes)
