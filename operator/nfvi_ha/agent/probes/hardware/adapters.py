"""Reads error counters of network adapters. Some drivers ask the card: not to be called in an event loop."""

from pathlib import Path

from nfvi_ha.agent.probes.hardware import files
from nfvi_ha.core.hardware.adapter import Adapter


class AdapterTree:
    """Below ``sysfs_root``."""

    def __init__(self, sysfs_root: Path) -> None:
        self._root = sysfs_root / "class" / "net"

    def adapters(self) -> list[Adapter]:
        """All with hardware behind them; a virtual function is a VM's."""
        return [found for name in files.names(self._root) if (found := self._adapter(name)) is not None]

    def _adapter(self, name: str) -> Adapter | None:
        directory = self._root / name
        if not (directory / "device").exists() or (directory / "device" / "physfn").exists():
            return None
        rows = directory / "statistics"
        # A frame with a bad CRC may be in both.
        crc = max(files.count(rows / each) or 0 for each in ("rx_crc_errors", "rx_frame_errors"))
        received, sent = files.count(rows / "rx_errors"), files.count(rows / "tx_errors")
        if received is None and sent is None:
            return None
        other = max(0, (received or 0) - crc)
        return Adapter(name, crc, other + (sent or 0), files.count(directory / "carrier_changes") or 0)
