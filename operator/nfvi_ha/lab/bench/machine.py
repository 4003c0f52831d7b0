"""What machine the figures are from."""

import os
import platform
from pathlib import Path
from typing import Any


def machine(kubernetes: str) -> dict[str, Any]:
    """CPU model, cores this process may use, kernel, Python and Kubernetes version."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "kubernetes": kubernetes,
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
