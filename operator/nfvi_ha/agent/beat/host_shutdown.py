"""Whether the hypervisor goes down, or only its agent: what a SIGTERM does not say.

Under Kubernetes nobody tells an agent of a reboot: the kubelet, or systemd, ends its container like any other. The host
itself says so in ``/run`` (systemd 255: systemd-shutdown(8), pam_nologin(8), systemctl(1) ``is-system-running``).
"""

import os
from pathlib import Path
from typing import Final

SIGNS: Final = ("systemd/shutdown/scheduled", "nologin")
"""A shutdown at a set time; nobody may log in any more, which the stop of user sessions brings about."""
BOOTED_BY_SYSTEMD: Final = "systemd/system"
"""sd_booted(3)."""
ASK_SECONDS: Final = 0.1
"""No beat is sent meanwhile."""


def goes_down(run_root: Path) -> bool:
    """Whether the host shuts down or reboots. What cannot be found out counts as no.

    Args:
        run_root: where the host's ``/run`` is.
    """
    try:
        return any((run_root / sign).exists() for sign in SIGNS) or _is_stopping(run_root)
    except OSError:
        return False


def _is_stopping(run_root: Path) -> bool:
    if not (run_root / BOOTED_BY_SYSTEMD).is_dir():
        return False
    import subprocess  # here: a megabyte that a beat process needs only at its end

    bus = f"unix:path={run_root}/dbus/system_bus_socket"
    try:
        answer = subprocess.run(
            ["systemctl", "is-system-running"],  # noqa: S607 - where it is differs between distributions
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "DBUS_SYSTEM_BUS_ADDRESS": bus},
            timeout=ASK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return answer.stdout.strip() == b"stopping"
