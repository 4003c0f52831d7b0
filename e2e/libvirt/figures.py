"""What was measured: one table at the end, and JSON in build/e2e."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parents[2] / "build" / "e2e" / "libvirt.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One case."""

    case: str
    said: str
    """What the VIM was told, or why nothing."""
    step: str
    """From what to what was measured."""
    milliseconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return sorted(self.milliseconds)[(len(self.milliseconds) - 1) // 2]


class Figures:
    """Rows in the order in which they came."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], Row] = {}

    def add(self, case: str, said: str, step: str, milliseconds: float) -> None:
        key = (case, said, step)
        self._rows.setdefault(key, Row(*key)).milliseconds.append(milliseconds)

    def table(self) -> list[str]:
        """Lines for people."""
        head = ("fault", "told as", "measured", "n", "median ms", "max ms")
        lines = [
            (
                row.case,
                row.said,
                row.step,
                str(len(row.milliseconds)),
                f"{row.median:.0f}",
                f"{max(row.milliseconds):.0f}",
            )
            for row in self._rows.values()
        ]
        return _columns([head, *lines]) if lines else []

    def write(self) -> None:
        """Overwrites the figures of an earlier run."""
        if not self._rows:
            return
        rows = [
            {"case": row.case, "said": row.said, "step": row.step, "ms": [round(each, 1) for each in row.milliseconds]}
            for row in self._rows.values()
        ]
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Where it was measured."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "cpu": model.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "load": [round(each, 1) for each in os.getloadavg()],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "qemu": _first_line("qemu-system-x86_64", "--version"),
        "libvirt": _first_line("/usr/sbin/libvirtd", "--version"),
        "corePattern": Path("/proc/sys/kernel/core_pattern").read_text().strip(),
    }


def _first_line(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.partition("\n")[0]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
