"""Install real qemu and libvirt on a Debian machine, once: ``python e2e/libvirt/install.py``.

Nothing that is installed is started. Where it cannot be done this says why and ends with 0, for then the tests are
skipped with the same reason; in CI (CI=true) it ends with 1. Standard library only.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("libvirtd", "virsh", "qemu-system-x86_64")
PACKAGES: Final = ("libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients", "qemu-system-x86")
POLICY: Final = Path("/usr/sbin/policy-rc.d")
"""Asked by invoke-rc.d before any service is started (Debian policy 9.3.3); 101 forbids it."""
REFUSAL: Final = "#!/bin/sh\nexit 101\n"
APT: Final = (
    "apt-get",
    "--quiet",
    "--yes",
    "-o",
    "Acquire::Retries=3",
    "-o",
    "DPkg::Lock::Timeout=60",
    "-o",
    "Dpkg::Use-Pty=0",
)
SECONDS: Final = 240.0


def missing() -> list[str]:
    """Programs that are not there."""
    return [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]


def obstacle() -> str:
    """Why real guests cannot be run here; "" if nothing is in the way (any more)."""
    if os.geteuid() != 0:
        return "not root"
    if not Path("/usr/bin/unshare").exists():
        return "no unshare (package util-linux)"
    if names := missing():
        return f"not installed: {', '.join(names)} (make e2e-libvirt installs them on Debian)"
    return ""


def in_ci() -> bool:
    """Whether being unable is a failure."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def main() -> int:
    """Install what is missing."""
    if missing() and os.geteuid() == 0 and shutil.which("apt-get"):
        began = time.monotonic()
        print(f"installing {' '.join(PACKAGES)} (once, about a minute: 20 MB to fetch, 100 MB of disk)", flush=True)
        try:
            _install()
        except (subprocess.SubprocessError, OSError) as error:
            print(f"not installed: {error}", flush=True)
        else:
            print(f"installed in {time.monotonic() - began:.0f} s", flush=True)
    if reason := obstacle():
        print(f"real guests cannot be run here: {reason}", flush=True)
        return 1 if in_ci() else 0
    return 0


def _install() -> None:
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text(REFUSAL)
        POLICY.chmod(0o755)
    try:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        for words in (("update",), ("install", "--no-install-recommends", *PACKAGES)):
            subprocess.run([*APT, *words], env=env, check=True, timeout=SECONDS)
    finally:
        if ours:
            POLICY.unlink()


if __name__ == "__main__":
    sys.exit(main())
